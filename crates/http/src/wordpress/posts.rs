//! Posts and pages.

mod drawing;

use std::ops::Bound;

use domain::articles::Kind;
use domain::published::PublishedArticle;
use persistence::Conn;
use persistence::changes::Window;
use persistence::wordpress::{self, PostOrder, PostQuery, Posts, Relation, TermFilter};

use super::embed::Embed;
use super::params::Params;
use super::wrong::{Failure, Wrong};
use super::{Answered, Context, Counted, slice};
pub(super) use drawing::{Drawing, Small};

/// Posts, or pages.
#[derive(Clone, Copy)]
pub(super) struct Type {
    kind: Kind,
    name: &'static str,
    base: &'static str,
}

/// Articles.
pub(super) const POSTS: Type = Type { kind: Kind::Article, name: "post", base: "posts" };
/// Pages.
pub(super) const PAGES: Type = Type { kind: Kind::Page, name: "page", base: "pages" };

const ORDERS: [&str; 11] = [
    "author",
    "date",
    "id",
    "include",
    "modified",
    "parent",
    "relevance",
    "slug",
    "include_slugs",
    "title",
    "menu_order",
];

/// A page of posts.
pub(super) fn list(
    conn: &mut Conn,
    context: &Context,
    mut params: Params,
    embed: &Embed,
    of: Type,
) -> Result<Answered, Failure> {
    let (slice, page) = slice(&mut params);
    let embedded = params.embedded("posts in this post type")?;
    params.refuse_other_states(&["publish"]);
    let query = query(&mut params, context, of)?;
    params.finish()?;
    let Posts { articles, open, total } = wordpress::posts(conn, &context.view, &context.settings, &query, slice)?;
    let counted = Counted { total, per_page: slice.limit, page };
    counted.refuse_beyond(&params)?;
    let window = window(context, &query, &articles);
    let drawing = Drawing::read(conn, context, &articles, open, embed)?;
    let depends = drawing.depends.clone();
    let depends = match by_slug(&query) {
        Some(slugs) => depends.and_within(slugs).shown_as(["lists", "list:all"].map(str::to_owned)),
        None => depends.and_within(named(&query)).and_list(window),
    };
    let answered = if embedded {
        Answered::new(&articles.iter().map(|article| drawing.small(article)).collect::<Vec<_>>(), depends)?
    } else {
        Answered::new(&articles.iter().map(|article| drawing.whole(article)).collect::<Vec<_>>(), depends)?
    };
    Ok(answered.counted(counted))
}

/// One post.
pub(super) fn show(
    conn: &mut Conn,
    context: &Context,
    mut params: Params,
    embed: &Embed,
    of: Type,
    number: i64,
) -> Result<Answered, Failure> {
    let embedded = params.embedded("this post")?;
    params.finish()?;
    let query = PostQuery {
        pages: of.kind == Kind::Page,
        include: Some(vec![number]),
        any_locale: true,
        ..PostQuery::default()
    };
    let only = wordpress::Slice { offset: 0, limit: 1 };
    let Posts { articles, open, .. } = wordpress::posts(conn, &context.view, &context.settings, &query, only)?;
    let Some(article) = articles.first() else {
        return Err(Wrong::not_found("rest_post_invalid_id", "Invalid post ID.").into());
    };
    let drawing = Drawing::read(conn, context, &articles, open, embed)?;
    let depends = drawing.depends.clone().shown_as([article.summary.id.prefixed("article:")]);
    let mut answered = if embedded {
        Answered::new(&drawing.small(article), depends)?
    } else {
        Answered::new(&drawing.whole(article), depends)?
    };
    answered.alternate = Some(article.summary.joined.url.clone());
    Ok(answered)
}

/// Reads what posts are asked for.
fn query(params: &mut Params, context: &Context, of: Type) -> Result<PostQuery, Wrong> {
    let pages = of.kind == Kind::Page;
    let orders = if pages { &ORDERS[..] } else { &ORDERS[..10] };
    let orderby = params.choice("orderby", orders, "date");
    let settings = &context.settings;
    let mut query = PostQuery {
        pages,
        search: params.text("search").filter(|text| !text.trim().is_empty()).map(str::to_owned),
        after: params.time("after", settings),
        before: params.time("before", settings),
        modified_after: params.time("modified_after", settings),
        modified_before: params.time("modified_before", settings),
        authors: params.numbers("author").filter(|list| !list.is_empty()),
        authors_exclude: params.numbers("author_exclude").unwrap_or_default(),
        include: params.numbers("include").filter(|list| !list.is_empty()),
        exclude: params.numbers("exclude").unwrap_or_default(),
        slugs: params.texts("slug").filter(|list| !list.is_empty()),
        order: match orderby {
            "modified" => PostOrder::Modified,
            "id" => PostOrder::Number,
            "slug" => PostOrder::Slug,
            "title" | "menu_order" => PostOrder::Title,
            "include" => PostOrder::Include,
            "include_slugs" => PostOrder::IncludeSlugs,
            _ => PostOrder::Date,
        },
        ascending: params.choice("order", &["asc", "desc"], "desc") == "asc",
        ..PostQuery::default()
    };
    if pages {
        query.parents = params.numbers("parent").filter(|list| !list.is_empty());
        query.parents_exclude = params.numbers("parent_exclude").unwrap_or_default();
    } else {
        query.categories = terms_of(params, "categories").filter(|filter| !filter.terms.is_empty());
        query.categories_exclude = terms_of(params, "categories_exclude").unwrap_or_default();
        query.tags = terms_of(params, "tags").filter(|filter| !filter.terms.is_empty());
        query.tags_exclude = terms_of(params, "tags_exclude").unwrap_or_default();
        let relation = params.choice("tax_relation", &["AND", "OR"], "AND");
        query.relation = if relation == "OR" { Relation::Or } else { Relation::And };
        query.featured = params.flag("sticky");
    }
    match orderby {
        "relevance" if query.search.is_none() => {
            Err(Wrong::bad("rest_no_search_term_defined", "You need to define a search term to order by relevance."))
        }
        "include" if query.include.is_none() => {
            let message = "You need to define an include parameter to order by include.";
            Err(Wrong::bad("rest_orderby_include_missing_include", message))
        }
        _ => Ok(query),
    }
}

/// Terms as a list, or as an object with `terms`, `include_children` and `operator`.
fn terms_of(params: &mut Params, name: &str) -> Option<TermFilter> {
    if let Some(terms) = params.numbers(name) {
        return Some(TermFilter { terms, ..TermFilter::default() });
    }
    let terms = params.numbers(&format!("{name}[terms]"))?;
    let include_children = params.flag(&format!("{name}[include_children]")).unwrap_or_default();
    let all = params.choice(&format!("{name}[operator]"), &["AND", "OR"], "OR") == "AND";
    Some(TermFilter { terms, include_children, all })
}

/// Lists of what a filter names: it may come, go, or stand elsewhere in its tree.
fn named(query: &PostQuery) -> impl Iterator<Item = String> {
    let categories = query.categories.is_some() || !query.categories_exclude.terms.is_empty();
    let tags = query.tags.is_some() || !query.tags_exclude.terms.is_empty();
    let bylines = query.authors.is_some() || !query.authors_exclude.is_empty();
    let lists = [(categories, "list:categories"), (tags, "list:tags"), (bylines, "list:bylines")];
    lists.into_iter().filter(|(named, _)| *named).map(|(_, list)| list.to_owned())
}

/// The slugs that decide alone what is shown, if they do: whatever else is published, those that have them stay.
fn by_slug(query: &PostQuery) -> Option<impl Iterator<Item = String>> {
    let slugs = query.slugs.clone()?;
    let alone = PostQuery {
        pages: query.pages,
        slugs: query.slugs.clone(),
        order: query.order,
        ascending: query.ascending,
        ..PostQuery::default()
    };
    (*query == alone).then(|| slugs.into_iter().map(|slug| format!("slug:{slug}")))
}

/// The part of all posts that decides what is on a page. In the order of time that is from its first one to its last;
/// else any of them may be.
fn window(context: &Context, query: &PostQuery, articles: &[PublishedArticle]) -> Window {
    let position = |article: &PublishedArticle| (article.summary.published_at.micros(), article.summary.id);
    // What an article is filtered by may be another with its next publication, wherever it stands.
    let fixed = PostQuery {
        pages: query.pages,
        after: query.after,
        before: query.before,
        include: query.include.clone(),
        exclude: query.exclude.clone(),
        order: PostOrder::Date,
        ascending: query.ascending,
        ..PostQuery::default()
    };
    let in_time = *query == fixed;
    // What comes or goes before them moves them: that is seen by the count.
    let seen = match (articles.first().map(position), articles.last().map(position)) {
        (Some(first), Some(last)) if in_time => (Bound::Included(first.min(last)), Bound::Included(first.max(last))),
        _ => (Bound::Unbounded, Bound::Unbounded),
    };
    Window { seen, ..everything(context, query.pages) }
}

/// All posts, or pages.
pub(super) fn everything(context: &Context, pages: bool) -> Window {
    Window {
        scopes: vec!["all".to_owned()],
        kind: if pages { Kind::Page } else { Kind::Article },
        locale: Some(context.settings.locale.clone()),
        after: None,
        before: None,
        seen: (Bound::Unbounded, Bound::Unbounded),
        next: None,
        counted: true,
    }
}
