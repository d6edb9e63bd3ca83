//! Every figure that is to be reached, and how it is measured.

mod latency;
mod postgres;
mod reads;
mod resources;
mod wordpress;
mod writes;

use crate::failure::Result;
use crate::lab::{Compared, Lab, Side};

pub use wordpress::lists as beside_wordpress;

/// How many articles the publication has where nothing else is said.
const ARTICLES: u64 = 10_000;
/// And where it is searched.
const SEARCHED: u64 = 100_000;

/// One line of the table.
pub struct Figure {
    /// What was measured.
    pub what: String,
    /// What it is compared with, or which figure it is.
    pub against: &'static str,
    /// The bound.
    pub to_reach: String,
    /// What came out.
    pub measured: String,
    /// Whether the bound holds; `None`: it was not measured.
    pub held: Option<bool>,
    /// What else was seen.
    pub beside: String,
}

/// What makes lines of the table.
pub struct Measurement {
    /// What is measured, to be said while it is.
    pub what: &'static str,
    /// How many articles the publication has at most.
    pub articles: u64,
    measure: fn(&Lab) -> Result<Vec<Figure>>,
}

/// Everything, in the order of the table.
const MEASUREMENTS: [Measurement; 16] = [
    Measurement { what: "single article, cached", articles: ARTICLES, measure: reads::single_cached },
    Measurement { what: "list of ten of a category, cached", articles: ARTICLES, measure: reads::list_cached },
    Measurement { what: "WordPress's list of ten, cached", articles: ARTICLES, measure: reads::wordpress_cached },
    Measurement { what: "Ghost's list of 15, cached", articles: ARTICLES, measure: reads::ghost_cached },
    Measurement { what: "If-None-Match → 304", articles: ARTICLES, measure: reads::not_modified },
    Measurement { what: "single article, cache off, SQLite", articles: ARTICLES, measure: reads::single_uncached },
    Measurement {
        what: "list of ten of a subtree, cache off, SQLite",
        articles: ARTICLES,
        measure: reads::subtree_uncached,
    },
    Measurement { what: "single article, cache off, PostgreSQL", articles: ARTICLES, measure: postgres::single },
    Measurement {
        what: "list of ten of a subtree, cache off, PostgreSQL",
        articles: ARTICLES,
        measure: postgres::subtree,
    },
    Measurement {
        what: "search, 100,000 articles, two terms, cache off",
        articles: SEARCHED,
        measure: latency::search,
    },
    Measurement { what: "1,000,000 articles, SQLite", articles: MILLION, measure: latency::sqlite_million },
    Measurement { what: "1,000,000 articles, PostgreSQL", articles: MILLION, measure: latency::postgres_million },
    Measurement { what: "reads while 20 changes a second are published", articles: ARTICLES, measure: writes::stale },
    Measurement { what: "posting a comment", articles: ARTICLES, measure: writes::comments },
    Measurement { what: "memory", articles: ARTICLES, measure: resources::memory },
    Measurement { what: "start to first 200", articles: ARTICLES, measure: resources::start },
];

/// The size of the largest publication.
pub const MILLION: u64 = 1_000_000;

/// The measurements whose names hold `only`.
pub fn chosen(only: Option<&str>) -> impl Iterator<Item = &'static Measurement> {
    MEASUREMENTS.iter().filter(move |measurement| only.is_none_or(|only| measurement.what.contains(only)))
}

impl Measurement {
    /// The lines. What failed is a line too.
    pub fn figures(&self, lab: &Lab, largest: u64) -> Vec<Figure> {
        if self.articles > largest {
            return vec![self.line("not measured: make bench SCALE=1000000", None)];
        }
        (self.measure)(lab).unwrap_or_else(|failure| vec![self.line(&format!("failed: {}", failure.0), Some(false))])
    }

    fn line(&self, measured: &str, held: Option<bool>) -> Figure {
        Figure {
            what: self.what.to_owned(),
            against: "",
            to_reach: String::new(),
            measured: measured.to_owned(),
            held,
            beside: String::new(),
        }
    }
}

/// A line for a value that may be at most so much.
fn at_most(what: String, against: &'static str, bound: f64, value: f64, unit: &str, beside: String) -> Figure {
    Figure {
        what,
        against,
        to_reach: format!("≤ {bound}{unit}"),
        measured: format!("{value:.2}{unit}"),
        held: Some(value <= bound),
        beside,
    }
}

/// A line for a value that must be at least so much.
fn at_least(what: &str, against: &'static str, bound: f64, value: f64, beside: String) -> Figure {
    Figure {
        what: what.to_owned(),
        against,
        to_reach: format!("≥ {bound}"),
        measured: if bound < 10.0 { format!("{value:.2}") } else { format!("{value:.0}") },
        held: Some(value >= bound),
        beside,
    }
}

/// What stands beside a ratio.
fn beside(name: &str, compared: &Compared) -> String {
    let side = |name: &str, side: &Side| format!("{name} {:.0}/s at {:.0} µs", side.rate, side.micros);
    format!("{}; {}", side(name, &compared.other), side("Byline", &compared.byline))
}
