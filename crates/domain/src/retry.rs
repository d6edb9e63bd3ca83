//! When to try again what a mail server did not take: waits that grow, a bound, and no two alike.

use crate::Timestamp;
use crate::secrets::sha256;

/// Seconds to wait after the first, second, ... failure; the last one stays.
const WAITS: [i64; 7] = [60, 5 * 60, 15 * 60, 3_600, 3 * 3_600, 6 * 3_600, 12 * 3_600];
/// Seconds after which nothing is tried again.
const GIVE_UP: i64 = 48 * 3_600;

/// When to try again after attempt number `attempt` (from 1) of what began `since`; `None`: never.
///
/// The waits vary by up to a fifth with `id`, so that what failed together does not come back together.
pub fn next_attempt(id: &str, attempt: i32, since: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let failures = usize::try_from(attempt).unwrap_or_default().clamp(1, WAITS.len());
    let hash = sha256(format!("{id} {attempt}"));
    // 0 to 255 becomes 80 % to 120 %.
    let share = i64::from_str_radix(&hash[..2], 16).unwrap_or(128);
    let wait = WAITS[failures - 1] * (800 + share * 400 / 255) / 1_000;
    let next = now.plus_seconds(wait);
    (next.seconds_since(since) <= GIVE_UP).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end_after_two_days() {
        let since = Timestamp::from_micros(0);
        for id in ["a", "b", "c", "d", "e", "f", "g"] {
            let (mut now, mut attempt) = (since, 1);
            while let Some(next) = next_attempt(id, attempt, since, now) {
                let due = WAITS[usize::try_from(attempt - 1).unwrap().min(6)];
                let wait = next.seconds_since(now);
                assert!(wait * 10 >= due * 8 && wait * 10 <= due * 12, "{wait} instead of {due}");
                (now, attempt) = (next, attempt + 1);
            }
            assert!((9..=11).contains(&attempt), "{attempt} attempts");
        }
        assert_ne!(next_attempt("a", 5, since, since), next_attempt("b", 5, since, since));
    }
}
