//! What `/metrics` says: requests by route pattern and status, and how long they took.

use std::time::Duration;

use domain::Result;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry, TextEncoder};

/// The counters of one process.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    seconds: HistogramVec,
    cache: IntCounterVec,
    cache_bytes: IntGauge,
}

impl Metrics {
    /// Registers the counters.
    pub fn new() -> Result<Self> {
        let registry = Registry::new();
        let requests = IntCounterVec::new(
            Opts::new("byline_http_requests_total", "Requests answered, by method, route and status."),
            &["method", "route", "status"],
        )?;
        let seconds = HistogramVec::new(
            HistogramOpts::new("byline_http_request_seconds", "Time to the head of the answer, by route.")
                .buckets(vec![0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0]),
            &["route"],
        )?;
        let cache = IntCounterVec::new(
            Opts::new("byline_cache_answers_total", "Public answers by how they came to be: hit, miss, bypass."),
            &["status"],
        )?;
        let cache_bytes = IntGauge::new("byline_cache_bytes", "Bytes that the delivery cache holds.")?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(seconds.clone()))?;
        registry.register(Box::new(cache.clone()))?;
        registry.register(Box::new(cache_bytes.clone()))?;
        Ok(Self { registry, requests, seconds, cache, cache_bytes })
    }

    /// Counts a public answer by how it came to be.
    pub(crate) fn count_cache(&self, status: &str) {
        self.cache.with_label_values(&[status]).inc();
    }

    /// Counts an answer. `route` is the pattern, never the path: paths hold slugs and tokens.
    pub(crate) fn count(&self, method: &str, route: &str, status: u16, took: Duration) {
        self.requests.with_label_values(&[method, route, &status.to_string()]).inc();
        self.seconds.with_label_values(&[route]).observe(took.as_secs_f64());
    }

    /// The exposition in Prometheus' text format, of a process whose cache holds so many bytes.
    pub(crate) fn text(&self, cache_bytes: u64) -> Result<String> {
        self.cache_bytes.set(i64::try_from(cache_bytes)?);
        Ok(TextEncoder::new().encode_to_string(&self.registry.gather())?)
    }
}
