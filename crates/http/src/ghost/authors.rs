//! Authors: the bylines of what is public, and nobody who signs in.

use domain::site;
use persistence::Conn;
use persistence::ghost::{self, Author, TermField};
use serde_json::{Map, Value, json};

use super::few::{self, Few};
use super::params::Params;
use super::route::Which;
use super::shape::{ACCOUNTS, members, nulls, text};
use super::wrong::Failure;
use super::{Answered, Context};
use crate::delivery::Depends;

/// A page of authors, or one.
pub(super) fn answer(
    conn: &mut Conn,
    context: &Context,
    params: &Params,
    which: Which<'_>,
) -> Result<Answered, Failure> {
    let all = ghost::authors(conn, &context.view)?;
    let depends = depends(&all);
    few::answer(all, depends, context, params, which)
}

impl Few for Author {
    const NAME: &'static str = "authors";
    const MISSING: &'static str = "Author not found.";

    fn field(&self, field: TermField) -> &str {
        Self::field(self, field)
    }

    fn count(&self) -> u64 {
        self.count
    }

    fn draw(&self, context: &Context) -> Map<String, Value> {
        let mut whole = members(json!({
            "id": self.ghost_id, "name": self.name, "slug": self.slug,
            "profile_image": text(self.avatar_url.as_deref()), "cover_image": null, "bio": text(self.bio.as_deref()),
            "website": text(self.website.as_deref()), "location": null,
        }));
        whole.extend(nulls(&ACCOUNTS));
        whole.extend(nulls(&["meta_title", "meta_description"]));
        whole.insert("url".into(), url(context, self).into());
        whole
    }
}

/// Every author, for searching in the browser.
pub(super) fn index(conn: &mut Conn, context: &Context) -> Result<Answered, Failure> {
    let all = ghost::authors(conn, &context.view)?;
    let shown = |author: &Author| {
        json!({
            "id": author.ghost_id, "slug": author.slug, "name": author.name, "url": url(context, author),
            "profile_image": text(author.avatar_url.as_deref()),
        })
    };
    let authors = all.iter().filter(|author| author.count > 0).map(shown).collect::<Vec<_>>();
    Ok(Answered::new(json!({"authors": authors}), depends(&all)))
}

/// What they all depend on: who there is, and how many articles each has.
fn depends(all: &[Author]) -> Depends {
    Depends::on(["list:bylines".to_owned()]).and_within(all.iter().map(|author| format!("byline:{}", author.id)))
}

fn url(context: &Context, author: &Author) -> String {
    site::byline_url(&context.settings, &context.view.public_url, &author.slug)
}
