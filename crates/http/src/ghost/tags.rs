//! Tags as Ghost has them: categories and tags alike.

use domain::site;
use persistence::Conn;
use persistence::ghost::{self, Tag, TermField};
use serde_json::{Map, Value, json};

use super::few::{self, Few};
use super::params::Params;
use super::route::Which;
use super::shape::{CARDS, members, nulls, text};
use super::wrong::Failure;
use super::{Answered, Context};
use crate::delivery::Depends;

/// A page of tags, or one.
pub(super) fn answer(
    conn: &mut Conn,
    context: &Context,
    params: &Params,
    which: Which<'_>,
) -> Result<Answered, Failure> {
    let all = ghost::tags(conn, &context.view)?;
    let depends = depends(&all);
    few::answer(all, depends, context, params, which)
}

impl Few for Tag {
    const NAME: &'static str = "tags";
    const MISSING: &'static str = "Tag not found.";

    fn field(&self, field: TermField) -> &str {
        Self::field(self, field)
    }

    fn count(&self) -> u64 {
        self.count
    }

    fn draw(&self, context: &Context) -> Map<String, Value> {
        let mut whole = members(json!({
            "id": self.ghost_id, "name": self.name, "slug": self.slug, "description": text(self.description.as_deref()),
            "feature_image": null, "visibility": self.visibility(),
        }));
        whole.extend(nulls(&CARDS));
        whole.extend(nulls(&["meta_title", "meta_description", "codeinjection_head", "codeinjection_foot"]));
        whole.extend(nulls(&["canonical_url", "accent_color"]));
        whole.insert("url".into(), url(context, self).into());
        whole
    }
}

/// Every tag, for searching in the browser.
pub(super) fn index(conn: &mut Conn, context: &Context) -> Result<Answered, Failure> {
    let all = ghost::tags(conn, &context.view)?;
    let shown = |tag: &Tag| json!({"id": tag.ghost_id, "slug": tag.slug, "name": tag.name, "url": url(context, tag)});
    let tags = all.iter().filter(|tag| tag.count > 0 && !tag.internal).map(shown).collect::<Vec<_>>();
    Ok(Answered::new(json!({"tags": tags}), depends(&all)))
}

/// What they all depend on: what there is, and how many articles each has.
fn depends(all: &[Tag]) -> Depends {
    let lists = ["list:categories", "list:tags"].map(str::to_owned);
    Depends::on(lists).and_within(all.iter().map(|tag| format!("{}:{}", tag.scope, tag.id)))
}

fn url(context: &Context, tag: &Tag) -> String {
    let (settings, public_url) = (&context.settings, &context.view.public_url);
    match &tag.path {
        Some(path) => site::category_url(settings, public_url, path),
        None => site::tag_url(settings, public_url, &tag.own_slug),
    }
}
