//! What a reader of an article may want to read next: the newest articles that share its tags and categories, those that
//! share most of them first.

use std::collections::HashMap;
use std::ops::Bound;

use diesel::prelude::*;
use domain::Result;
use domain::ids::ArticleId;

use super::lists::{Position, documents};
use super::{PublicArticle, View, draw, standing, steady};
use crate::Conn;
use crate::changes::Window;
use crate::schema::published_in;

/// Most articles that are related to one.
const MAX_RELATED: usize = 6;
/// Of each tag and category, so many of the newest articles are looked at.
const LOOKED_AT: i64 = 20;
/// Most tags and categories that are looked at.
const MAX_SCOPES: usize = 12;

/// What is related to an article.
#[derive(Debug, Default)]
pub struct Related {
    /// The articles, those that share most first; of equal ones the newest.
    pub articles: Vec<PublicArticle>,
    /// The parts of lists that were looked at: they decide.
    pub windows: Vec<Window>,
}

/// The articles that are related to a public one, in its locale.
pub fn related(conn: &mut Conn, view: &View, id: ArticleId) -> Result<Related> {
    let Some(own) = standing(conn, &id.to_string(), view.now)? else { return Ok(Related::default()) };
    let mut shared: HashMap<Position, u32> = HashMap::new();
    let mut windows = Vec::new();
    let named = own.scopes.iter().filter_map(|scope| scope.split_once(':'));
    // A label says more of an article than the shelf that it stands on.
    let weighed = named.filter_map(|(scope, of)| match scope {
        "tag" => Some((scope, of, 2)),
        "category" => Some((scope, of, 1)),
        _ => None,
    });
    for (scope, of, weight) in weighed.take(MAX_SCOPES) {
        let rows: Vec<(i64, String)> = published_in::table
            .filter(published_in::scope.eq(scope))
            .filter(published_in::scope_id.eq(of))
            .filter(published_in::kind.eq(own.kind.as_str()))
            .filter(published_in::locale.eq(&own.locale))
            .filter(published_in::visible_from.le(view.now.micros()))
            .filter(published_in::visible_until.gt(view.now.micros()))
            .order((published_in::published_at.desc(), published_in::article_id.desc()))
            .limit(LOOKED_AT)
            .select((published_in::published_at, published_in::article_id))
            .load(conn)?;
        let positions: Vec<Position> =
            rows.iter().map(|(at, id)| Ok((*at, id.parse()?))).collect::<Result<Vec<_>>>()?;
        let full = positions.len() == usize::try_from(LOOKED_AT)?;
        let oldest = positions.last().filter(|_| full).copied();
        windows.push(Window {
            scopes: vec![format!("{scope}:{of}")],
            kind: own.kind,
            locale: Some(own.locale.clone()),
            after: None,
            before: None,
            seen: (oldest.map_or(Bound::Unbounded, Bound::Included), Bound::Unbounded),
            next: None,
            counted: false,
        });
        for position in positions.into_iter().filter(|(_, other)| *other != id) {
            *shared.entry(position).or_default() += weight;
        }
    }
    let mut ranked: Vec<(u32, Position)> = shared.into_iter().map(|(position, weight)| (weight, position)).collect();
    ranked.sort_unstable_by(|one, other| other.cmp(one));
    let ids: Vec<String> = ranked.iter().take(MAX_RELATED).map(|(_, (_, id))| id.to_string()).collect();
    let (settings, rows) = steady(conn, view, |conn, _| Ok((None, documents(conn, &ids, view.now, false)?)))?;
    Ok(Related { articles: draw(conn, view, &settings, &rows)?, windows })
}
