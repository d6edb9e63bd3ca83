//! Categories and tags.

use domain::site;
use persistence::Conn;
use persistence::wordpress::{self, Term, Which};
use persistence::wordpress_ids::Numbered;
use serde::Serialize;

use super::embed::Embed;
use super::params::Params;
use super::posts::everything;
use super::shape::{Empty, Escaped, Links, embeddable, link, own};
use super::wrong::{Failure, Wrong};
use super::{Answered, Context, Counted, cut, slice};
use crate::delivery::Depends;

/// Categories, or tags.
#[derive(Clone, Copy)]
pub(super) struct Taxonomy {
    name: &'static str,
    base: &'static str,
    scope: &'static str,
    list: &'static str,
}

/// Categories.
pub(super) const CATEGORIES: Taxonomy =
    Taxonomy { name: "category", base: "categories", scope: "category", list: "list:categories" };
/// Tags.
pub(super) const TAGS: Taxonomy = Taxonomy { name: "post_tag", base: "tags", scope: "tag", list: "list:tags" };

const ORDERS: [&str; 8] = ["id", "include", "name", "slug", "include_slugs", "term_group", "description", "count"];

impl Taxonomy {
    fn read(self, conn: &mut Conn, which: Which) -> Result<Vec<Term>, Failure> {
        Ok(if self.scope == "tag" { wordpress::tags(conn, which)? } else { wordpress::categories(conn, which)? })
    }

    fn is_tree(self) -> bool {
        self.scope == "category"
    }

    fn family(self) -> Numbered {
        if self.is_tree() { Numbered::Category } else { Numbered::Tag }
    }

    /// The terms of these numbers.
    fn numbered(self, conn: &mut Conn, numbers: &[i64]) -> Result<Vec<Term>, Failure> {
        let named = wordpress::named(conn, self.family(), numbers)?;
        self.read(conn, Which::Ids(named.into_values().map(|(_, id)| id).collect()))
    }

    /// What all of them depend on: their names, and how many articles are in each.
    fn depends<'a>(self, terms: impl IntoIterator<Item = &'a Term>) -> Depends {
        let keys = terms.into_iter().map(|term| format!("{}:{}", self.scope, term.id));
        Depends::on([self.list.to_owned()]).and_within(keys)
    }
}

/// A page of terms.
pub(super) fn list(
    conn: &mut Conn,
    context: &Context,
    mut params: Params,
    embed: &Embed,
    of: Taxonomy,
) -> Result<Answered, Failure> {
    let (slice, page) = slice(&mut params);
    let embedded = params.embedded("terms in this taxonomy")?;
    let orderby = params.choice("orderby", &ORDERS, "name");
    let ascending = params.choice("order", &["asc", "desc"], "asc") == "asc";
    let search = params.text("search").map(str::to_lowercase).filter(|text| !text.trim().is_empty());
    let include = params.numbers("include").filter(|list| !list.is_empty());
    let exclude = params.numbers("exclude").unwrap_or_default();
    let slugs = params.texts("slug").filter(|list| !list.is_empty());
    let hide_empty = params.flag("hide_empty").unwrap_or_default();
    let parent = if of.is_tree() && params.has("parent") { Some(params.number("parent", 0, 0, None)) } else { None };
    let post = if params.has("post") { Some(params.number("post", 0, 0, None)) } else { None };
    params.finish()?;
    let mut depends = Depends::default();
    let mut terms = if let Some(post) = post {
        let named = wordpress::named(conn, Numbered::Article, &[post])?.remove(&post);
        let under = if let Some((_, id)) = &named {
            depends = depends.and_within([format!("article:{id}")]);
            wordpress::listed_under(conn, of.scope, id, context.view.now)?
        } else {
            // Whatever is published next may have this number.
            depends = depends.and_list(everything(context, false)).and_list(everything(context, true));
            Vec::new()
        };
        of.read(conn, Which::Ids(under))?
    } else if let Some(include) = &include {
        of.numbered(conn, include)?
    } else {
        of.read(conn, slugs.clone().map_or(Which::All, Which::Slugs))?
    };
    depends = of.depends(&terms).and(depends);
    let by_count = hide_empty || orderby == "count";
    if by_count {
        wordpress::count(conn, &context.view, of.scope, &mut terms)?;
    }
    terms.retain(|term| {
        include.as_ref().is_none_or(|include| include.contains(&term.number))
            && !exclude.contains(&term.number)
            && slugs.as_ref().is_none_or(|slugs| slugs.contains(&term.slug))
            && !(hide_empty && term.count == 0)
            && parent.is_none_or(|parent| term.parent == parent)
            && search
                .as_ref()
                .is_none_or(|text| term.name.to_lowercase().contains(text) || term.slug.contains(text.as_str()))
    });
    let place = |wanted: Option<usize>| wanted.unwrap_or(usize::MAX);
    terms.sort_by_cached_key(|term| {
        let (number, text) = match orderby {
            "id" | "term_group" => (term.number, String::new()),
            "count" => (i64::try_from(term.count).unwrap_or(i64::MAX), String::new()),
            "slug" => (0, term.slug.clone()),
            "description" => (0, term.description.to_lowercase()),
            "include" => {
                let place = place(include.as_ref().and_then(|list| list.iter().position(|one| *one == term.number)));
                (i64::try_from(place).unwrap_or(i64::MAX), String::new())
            }
            "include_slugs" => {
                let place = place(slugs.as_ref().and_then(|list| list.iter().position(|one| *one == term.slug)));
                (i64::try_from(place).unwrap_or(i64::MAX), String::new())
            }
            _ => (0, term.name.to_lowercase()),
        };
        (number, text, term.number)
    });
    if !ascending && !orderby.starts_with("include") {
        terms.reverse();
    }
    let total = i64::try_from(terms.len()).unwrap_or(i64::MAX);
    let mut terms = cut(terms, slice);
    if !by_count {
        wordpress::count(conn, &context.view, of.scope, &mut terms)?;
    }
    let above = above(conn, of, &terms, embed)?;
    depends = depends.and_within(above.iter().map(|term| format!("{}:{}", of.scope, term.id)));
    let drawn: Vec<Shown<'_>> = terms.iter().map(|term| with_parent(context, of, term, &above, embedded)).collect();
    Ok(Answered::new(&drawn, depends)?.counted(Counted { total, per_page: slice.limit, page }))
}

/// One term.
pub(super) fn show(
    conn: &mut Conn,
    context: &Context,
    mut params: Params,
    embed: &Embed,
    of: Taxonomy,
    number: i64,
) -> Result<Answered, Failure> {
    let embedded = params.embedded("this term")?;
    params.finish()?;
    let mut terms = of.numbered(conn, &[number])?;
    wordpress::count(conn, &context.view, of.scope, &mut terms)?;
    let above = above(conn, of, &terms, embed)?;
    let Some(term) = terms.first() else {
        return Err(Wrong::not_found("rest_term_invalid", "Term does not exist.").into());
    };
    let body = with_parent(context, of, term, &above, embedded);
    let mut answered = Answered::new(&body, of.depends(terms.iter().chain(&above)))?;
    answered.alternate = Some(address(context, of, &term.slug, term.path.as_deref()));
    Ok(answered)
}

/// What these terms stand under, if it is to be embedded.
fn above(conn: &mut Conn, of: Taxonomy, terms: &[Term], embed: &Embed) -> Result<Vec<Term>, Failure> {
    let mut parents: Vec<i64> = terms.iter().map(|term| term.parent).filter(|parent| *parent > 0).collect();
    if parents.is_empty() || !embed.wants("up") {
        return Ok(Vec::new());
    }
    parents.sort_unstable();
    parents.dedup();
    of.numbered(conn, &parents)
}

/// A category, or a tag. What is none is left out where it is embedded.
#[derive(Serialize)]
pub(super) struct Shown<'a> {
    id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<Escaped<'a>>,
    link: String,
    name: Escaped<'a>,
    slug: &'a str,
    taxonomy: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<Empty>,
    _links: Links,
    #[serde(skip_serializing_if = "Option::is_none")]
    _embedded: Option<Above<'a>>,
}

/// What a category stands under.
#[derive(Serialize)]
struct Above<'a> {
    up: [Box<Shown<'a>>; 1],
}

fn with_parent<'a>(context: &Context, of: Taxonomy, term: &'a Term, above: &'a [Term], embedded: bool) -> Shown<'a> {
    let parent = above.iter().find(|other| other.number == term.parent);
    let up = parent.map(|parent| Above { up: [Box::new(draw(context, of, parent, true))] });
    Shown { _embedded: up, ..draw(context, of, term, embedded) }
}

/// A term, whole or as it is embedded.
pub(super) fn draw<'a>(context: &Context, of: Taxonomy, term: &'a Term, embedded: bool) -> Shown<'a> {
    let Term { number, parent, .. } = *term;
    Shown {
        id: number,
        count: (!embedded).then_some(term.count),
        description: (!embedded).then_some(Escaped(&term.description)),
        link: address(context, of, &term.slug, term.path.as_deref()),
        name: Escaped(&term.name),
        slug: &term.slug,
        taxonomy: of.name,
        parent: (!embedded && of.is_tree()).then_some(parent),
        meta: (!embedded).then_some([]),
        _links: Links::default()
            .with("self", own(context.at(&format!("{}/{number}", of.base))))
            .with("collection", link(context.at(of.base)))
            .with("about", link(context.at(&format!("taxonomies/{}", of.name))))
            .with_some("up", (parent > 0).then(|| embeddable(context.at(&format!("{}/{parent}", of.base)))))
            .with("wp:post_type", link(context.at(&format!("posts?{}={number}", of.base))))
            .with_curies(),
        _embedded: None,
    }
}

fn address(context: &Context, of: Taxonomy, slug: &str, path: Option<&str>) -> String {
    let (settings, public_url) = (&context.settings, &context.view.public_url);
    if of.is_tree() {
        site::category_url(settings, public_url, path.unwrap_or(slug))
    } else {
        site::tag_url(settings, public_url, slug)
    }
}
