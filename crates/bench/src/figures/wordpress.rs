//! Lists of WordPress's API, beside WordPress itself with the same publication.

use std::collections::BTreeSet;

use persistence::Engine;
use serde_json::{Value, json};

use super::{ARTICLES, Figure, at_least, beside};
use crate::client::Client;
use crate::data::{self, Size};
use crate::failure::{Failure, Result};
use crate::lab::{Compared, Lab};
use crate::machine::{PROCESSES, WordPress};

const WORDPRESS: &str = "WordPress: nginx, PHP and MariaDB";

/// The newest posts, from the first page on.
pub fn pages(query: &str) -> Vec<String> {
    (1..=20).map(|page| format!("/wp-json/wp/v2/posts?per_page=10&page={page}{query}")).collect()
}

/// Lists from SQLite, beside lists from `MariaDB`: with everything embedded, and without.
pub fn lists(lab: &Lab) -> Result<Vec<Figure>> {
    let store = lab.publication(Engine::Sqlite, ARTICLES)?;
    let byline = lab.byline(&store, 0)?;
    let size = Size { articles: ARTICLES, seed: data::SEED };
    let wordpress = WordPress::start(lab.cores, &lab.folder.join("wordpress"), |file| data::write_calls(size, file))?;
    // No more than PHP answers at once, so that few are under way when a turn ends.
    let wrk = lab.wrk.connections(PROCESSES);
    let compare = |query: &str| -> Result<Compared> {
        let paths = pages(query);
        for path in &paths {
            expect_the_same(&Client::new(&wordpress.origin), &Client::new(&byline.origin), path)?;
        }
        let requests = lab.requests("wordpress", &paths)?;
        lab.in_turns(&wrk, &requests, (&wordpress.origin, || wordpress.cpu()), &byline)
    };
    let line = |what, compared: &Compared| {
        let ratio = compared.other.micros / compared.byline.micros;
        at_least(what, WORDPRESS, 50.0, ratio, beside("WordPress", compared))
    };
    let embedded = compare("&_embed=1")?;
    let mut figures = vec![line("WordPress's list of ten with `_embed=1`, cache off, SQLite", &embedded)];
    let bare = line("the same without `_embed`", &compare("")?);
    // Nothing is promised of it.
    figures.push(Figure { to_reach: String::new(), held: None, ..bare });
    Ok(figures)
}

/// Fails unless both show the same posts.
fn expect_the_same(wordpress: &Client, byline: &Client, path: &str) -> Result<()> {
    let shown = |client: &Client| -> Result<_> {
        let answer = client.get(path, &[])?.expect(200)?;
        let counts = ["x-wp-total", "x-wp-totalpages"].map(|name| answer.header(name).map(str::to_owned));
        let body = answer.json()?;
        let posts: Vec<Value> = body.as_array().into_iter().flatten().map(essence).collect();
        Ok((counts, posts))
    };
    let ((their_counts, theirs), (our_counts, ours)) = (shown(wordpress)?, shown(byline)?);
    if their_counts != our_counts || theirs.len() != 10 || theirs.len() != ours.len() {
        return Err(Failure(format!("{path}: WordPress has {their_counts:?}, Byline {our_counts:?}")));
    }
    match theirs.iter().zip(&ours).find(|(one, other)| one != other) {
        Some((one, other)) => Err(Failure(format!("{path}: WordPress has {one}, Byline {other}"))),
        None => Ok(()),
    }
}

/// What must be the same of a post: all that was written, with its numbers, and what is embedded. Markup is not: headings
/// have anchors here.
fn essence(post: &Value) -> Value {
    let numbers =
        |list: &Value| -> BTreeSet<i64> { list.as_array().into_iter().flatten().filter_map(number).collect() };
    let embedded = &post["_embedded"];
    let terms = embedded["wp:term"].as_array().into_iter().flatten();
    json!({
        "id": post["id"], "slug": post["slug"], "date": post["date_gmt"], "modified": post["modified_gmt"],
        "title": post["title"]["rendered"], "words": words(&post["content"]["rendered"]), "author": post["author"],
        "categories": numbers(&post["categories"]), "tags": numbers(&post["tags"]),
        "by": embedded["author"][0]["name"],
        "terms": terms.map(numbers).collect::<Vec<_>>(),
        "replies": embedded["replies"][0].as_array().into_iter().flatten().map(|reply| {
            json!([reply["id"], reply["parent"], reply["author_name"], words(&reply["content"]["rendered"])])
        }).collect::<Vec<_>>(),
    })
}

/// A number, or that of a thing.
fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value["id"].as_i64())
}

/// Text without its tags.
fn words(html: &Value) -> String {
    let html = html.as_str().unwrap_or_default();
    let pieces = html.split('<').map(|piece| piece.split_once('>').map_or(piece, |(_, text)| text));
    pieces.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_and_the_order_of_terms_may_differ_and_nothing_else() {
        let post = |content: &str, tags: Value| {
            let content = json!({"rendered": content});
            let replies = json!([[{"id": 7, "parent": 0, "author_name": "A", "content": content}]]);
            essence(&json!({"id": 1, "content": content, "tags": tags, "_embedded": {"replies": replies}}))
        };
        let one = post("<h2>Of  words</h2>\n<p>One</p>", json!([2, 3]));
        assert_eq!(one, post("<h2 id=\"of-words\">Of words</h2>\n<p>One</p>\n", json!([3, 2])));
        assert_ne!(one, post("<h2>Of words</h2><p>Two</p>", json!([2, 3])));
        assert_ne!(one, post("<h2>Of  words</h2>\n<p>One</p>", json!([2])));
    }
}
