//! Limits on attempts: so many per key, refilled evenly (GCRA), in memory and bounded.
//!
//! They stand before any work. A limit counts per node and forgets on restart; what must hold for hours and days the
//! database counts too: mails to an address, and comments (`persistence::attempts`).

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use domain::{Error, Result};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::app::{Clock, Config};
use crate::comments::CommentLimits;
use crate::subscriptions::SubscriptionLimits;

/// Every limit of the API; all of them let everything pass when `limits` is off.
pub struct Limits {
    /// Sign-ins (and other uses of a password) per account, existing or not.
    pub sign_in_account: Limit,
    /// Sign-ins per network address.
    pub sign_in_address: Limit,
    /// Comments.
    pub comments: CommentLimits,
    /// Requests to subscribe.
    pub subscriptions: SubscriptionLimits,
    /// Content keys that are not good, per network address.
    pub content_keys: Limit,
}

impl Limits {
    /// The limits of this configuration.
    pub(crate) fn new(config: &Config, clock: &Clock) -> Self {
        let limit = |burst, seconds, detail| Limit::new(config, clock, burst, Duration::from_secs(seconds), detail);
        Self {
            sign_in_account: limit(10, 15 * 60, "Too many attempts to sign in with this email; wait and try again."),
            sign_in_address: limit(50, 15 * 60, "Too many attempts to sign in from this address; wait and try again."),
            comments: CommentLimits::new(config, clock),
            subscriptions: SubscriptionLimits::new(config, clock),
            content_keys: limit(99, 60 * 60, "Too many unknown content keys from this address; wait and try again."),
        }
    }
}

/// Keys of one limit are counted in so many slots, so that its memory (at most some 10 MiB) is bounded whoever asks.
/// Two keys that share a slot share its allowance; which ones do cannot be known from outside.
const SLOTS: u64 = 1 << 18;
/// After so many checks, slots that are full again are given back.
const SWEEP: u32 = 1 << 14;

/// One limit: up to `burst` attempts of a key at once, which come back one by one, all of them within `period`.
pub struct Limit {
    /// Absent: off.
    limiter: Option<RateLimiter<u64, DashMapStateStore<u64>, Clock, NoOpMiddleware<Duration>>>,
    clock: Clock,
    hasher: RandomState,
    checks: AtomicU32,
    detail: &'static str,
}

impl Limit {
    /// A limit; `detail` tells a client what was limited and what to do.
    pub(crate) fn new(config: &Config, clock: &Clock, burst: u32, period: Duration, detail: &'static str) -> Self {
        let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(period / burst.get()).map(|quota| quota.allow_burst(burst));
        let limiter = quota.filter(|_| config.limits);
        Self {
            limiter: limiter.map(|quota| RateLimiter::dashmap_with_clock(quota, clock.clone())),
            clock: clock.clone(),
            hasher: RandomState::new(),
            checks: AtomicU32::new(0),
            detail,
        }
    }

    /// Counts an attempt of `key`; one too many is refused (429) and not counted.
    pub fn check(&self, key: impl Hash) -> Result<()> {
        let Some(limiter) = &self.limiter else { return Ok(()) };
        if self.checks.fetch_add(1, Ordering::Relaxed) % SWEEP == SWEEP - 1 {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
        limiter.check_key(&(self.hasher.hash_one(key) % SLOTS)).map_err(|until| {
            let wait = until.wait_time_from(governor::clock::Clock::now(&self.clock));
            let retry_after = wait.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX);
            Error::TooMany { retry_after, detail: self.detail.to_owned() }
        })
    }
}

impl governor::clock::Clock for Clock {
    /// Since the epoch.
    type Instant = Duration;

    fn now(&self) -> Duration {
        Duration::from_micros(self.now().micros().try_into().unwrap_or(0))
    }
}

/// The network that stands for a client: IPv4 addresses alone, IPv6 by `v6_bits` (a customer has a whole /64 or /48).
pub fn network(address: IpAddr, v6_bits: u32) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.into(),
        IpAddr::V6(v6) => {
            let host_bits = 128_u32.saturating_sub(v6_bits);
            let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
            Ipv6Addr::from_bits(v6.to_bits() & mask).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicI64;

    use super::*;

    fn three_in_45_seconds(on: bool) -> (Limit, Arc<AtomicI64>) {
        let mut config = Config::new("http://cms.example.org".parse().unwrap());
        config.limits = on;
        let micros = Arc::new(AtomicI64::new(1_000_000_000_000));
        let clock = Clock::Manual(Arc::clone(&micros));
        (Limit::new(&config, &clock, 3, Duration::from_secs(45), "Wait."), micros)
    }

    fn wait(outcome: Result<()>) -> u64 {
        match outcome {
            Err(Error::TooMany { retry_after, .. }) => retry_after,
            other => panic!("not refused: {other:?}"),
        }
    }

    #[test]
    fn a_burst_passes_and_comes_back_one_by_one() {
        let (limit, micros) = three_in_45_seconds(true);
        for _ in 0..3 {
            limit.check("ann").unwrap();
        }
        assert_eq!(wait(limit.check("ann")), 15);
        limit.check("bob").unwrap();
        micros.fetch_add(14_500_000, Ordering::SeqCst);
        assert_eq!(wait(limit.check("ann")), 1);
        micros.fetch_add(500_000, Ordering::SeqCst);
        limit.check("ann").unwrap();
        assert_eq!(wait(limit.check("ann")), 15);
        micros.fetch_add(45_000_000, Ordering::SeqCst);
        for _ in 0..3 {
            limit.check("ann").unwrap();
        }
        assert_eq!(wait(limit.check("ann")), 15);
    }

    #[test]
    fn a_limit_that_is_off_lets_everything_pass() {
        let (limit, _) = three_in_45_seconds(false);
        assert!((0..100).all(|_| limit.check("ann").is_ok()));
    }

    #[test]
    fn memory_is_bounded_and_given_back() {
        let (limit, micros) = three_in_45_seconds(true);
        for key in 0..2 * SLOTS {
            let _ = limit.check(key);
        }
        let slots = limit.limiter.as_ref().unwrap().len() as u64;
        assert!(slots > SLOTS / 2 && slots <= SLOTS, "{slots}");
        micros.fetch_add(60_000_000, Ordering::SeqCst);
        for _ in 0..SWEEP {
            let _ = limit.check("ann");
        }
        assert!(limit.limiter.as_ref().unwrap().len() <= 1);
    }

    #[test]
    fn a_customer_with_many_ipv6_addresses_is_one_client() {
        let network = |address: &str, bits| network(address.parse().unwrap(), bits).to_string();
        assert_eq!(network("2001:db8:1:2:3:4:5:6", 64), "2001:db8:1:2::");
        assert_eq!(network("2001:db8:1:2:3:4:5:6", 48), "2001:db8:1::");
        assert_eq!(network("::ffff:192.0.2.7", 64), "192.0.2.7");
        assert_eq!(network("192.0.2.7", 64), "192.0.2.7");
    }
}
