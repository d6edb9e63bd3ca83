//! Search over posts and pages, and over terms.

use domain::site;
use persistence::Conn;
use persistence::wordpress::{self, PostOrder, PostQuery, Slice, Term, Which};
use serde::Serialize;

use super::params::Params;
use super::posts::everything;
use super::shape::{Escaped, Links, embeddable, link};
use super::wrong::{Failure, Wrong};
use super::{Answered, Context, Counted, cut, slice};
use crate::delivery::Depends;

/// A page of what was found.
pub(super) fn list(conn: &mut Conn, context: &Context, mut params: Params) -> Result<Answered, Failure> {
    let (slice, page) = slice(&mut params);
    params.embedded("search results")?;
    let sort = params.choice("type", &["post", "term", "post-format"], "post");
    let subtypes = params.texts("subtype").unwrap_or_default();
    let text = params.text("search").filter(|text| !text.trim().is_empty()).map(str::to_owned);
    let include = params.numbers("include").filter(|list| !list.is_empty());
    let exclude = params.numbers("exclude").unwrap_or_default();
    params.finish()?;
    let wants = |subtype: &str| subtypes.is_empty() || subtypes.iter().any(|one| one == subtype || one == "any");
    let (mut rows, mut total) = (Vec::new(), 0);
    if sort == "post" {
        // First come the posts, then the pages.
        for (pages, subtype, base) in [(false, "post", "posts"), (true, "page", "pages")] {
            if !wants(subtype) {
                continue;
            }
            let query = PostQuery {
                pages,
                search: text.clone(),
                include: include.clone(),
                exclude: exclude.clone(),
                order: PostOrder::Date,
                ..PostQuery::default()
            };
            let shown = i64::try_from(rows.len()).unwrap_or(i64::MAX);
            let rest = Slice { offset: (slice.offset - total).max(0), limit: slice.limit - shown };
            let (found, all) = wordpress::post_titles(conn, &context.view, &context.settings, &query, rest)?;
            total += all;
            let what = ("post", subtype, base);
            rows.extend(found.into_iter().map(|found| hit(context, (found.number, &found.title, found.url), what)));
        }
    } else if sort == "term" {
        let all = [
            ("category", "categories", wordpress::categories(conn, Which::All)?),
            ("post_tag", "tags", wordpress::tags(conn, Which::All)?),
        ];
        let wanted = text.as_ref().map(|text| text.to_lowercase());
        let fits = |term: &Term| wanted.as_ref().is_none_or(|text| term.name.to_lowercase().contains(text));
        let all = all.into_iter().filter(|(subtype, ..)| wants(subtype));
        let found: Vec<_> = all
            .flat_map(|(subtype, base, terms)| terms.into_iter().filter(&fits).map(move |term| (subtype, base, term)))
            .collect();
        total = i64::try_from(found.len()).unwrap_or(i64::MAX);
        for (subtype, base, term) in cut(found, slice) {
            let (settings, public_url) = (&context.settings, &context.view.public_url);
            let url = match &term.path {
                Some(path) => site::category_url(settings, public_url, path),
                None => site::tag_url(settings, public_url, &term.slug),
            };
            rows.push(hit(context, (term.number, &term.name, url), ("term", subtype, base)));
        }
    }
    let counted = Counted { total, per_page: slice.limit, page };
    if total > 0 && page > counted.pages() && !params.has("offset") {
        let message = "The page number requested is larger than the number of pages available.";
        return Err(Wrong::bad("rest_search_invalid_page_number", message).into());
    }
    // Any article may hold the words from its next publication on.
    let lists = Depends::on(["list:categories", "list:tags", "addresses"].map(str::to_owned));
    let depends = [false, true].into_iter().fold(lists, |depends, pages| depends.and_list(everything(context, pages)));
    Ok(Answered::new(&rows, depends)?.counted(counted))
}

/// What was found.
#[derive(Serialize)]
struct Hit {
    id: i64,
    title: String,
    url: String,
    #[serde(rename = "type")]
    sort: &'static str,
    subtype: &'static str,
    _links: Links,
}

/// What was found, and what sort of thing it is: its type, its subtype, and where such things stand.
fn hit(
    context: &Context,
    (number, title, url): (i64, &str, String),
    (sort, subtype, base): (&'static str, &'static str, &str),
) -> Hit {
    let about = if sort == "post" { format!("types/{subtype}") } else { format!("taxonomies/{subtype}") };
    Hit {
        id: number,
        title: Escaped(title).to_string(),
        url,
        sort,
        subtype,
        _links: Links::default()
            .with("self", embeddable(context.at(&format!("{base}/{number}"))))
            .with("about", link(context.at(&about)))
            .with("collection", link(context.at("search")))
            .with_curies(),
    }
}
