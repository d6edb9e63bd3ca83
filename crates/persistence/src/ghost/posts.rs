//! Articles and pages, as Ghost lists them.

use std::collections::{HashMap, HashSet};
use std::ops::Bound;

use diesel::dsl::{not, sql};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};
use domain::articles::Kind;
use domain::published::PublishedArticle;
use domain::site::Settings;
use domain::{Result, Timestamp};

use super::authors::authors_of;
use super::filter::{Filter, Part, Relation, TermField, Test, What};
use super::tags;
use crate::changes::Window;
use crate::db::MultiBackend;
use crate::fragments::one_of;
use crate::published::{self, Condition, View, any_of};
use crate::schema::{published_articles, published_in, tags as tag_rows};
use crate::wordpress::Slice;
use crate::{Conn, ghost_ids};

/// A member of a post that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostField {
    /// Its identity in Ghost's API.
    Id,
    /// Its identity here.
    Uuid,
    /// Its slug.
    Slug,
    /// Its title.
    Title,
    /// Whether it is set apart: `true` or `false`.
    Featured,
    /// Who may read all of it.
    Visibility,
    /// When it was first published.
    PublishedAt,
    /// When what is shown was published.
    UpdatedAt,
    /// The address of the picture above it.
    FeatureImage,
    /// What search engines are told instead of the title.
    MetaTitle,
    /// What search engines are told instead of the excerpt.
    MetaDescription,
    /// Where the original stands.
    CanonicalUrl,
}

/// What is asked of a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PostCondition {
    /// Of a member of its own.
    Own(PostField, Test),
    /// Of any of its tags.
    Tags(TermField, Test),
    /// Of the first of them that readers see.
    PrimaryTag(TermField, Test),
    /// Of any of its authors.
    Authors(TermField, Test),
    /// Of the first of them.
    PrimaryAuthor(TermField, Test),
}

/// In which order posts are listed; what stands alike, by identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PostOrder {
    /// By members; whether each descends.
    By(Vec<(PostField, bool)>),
    /// As these slugs stand.
    Slugs(Vec<String>),
}

/// Which posts to list.
#[derive(Debug, Clone)]
pub struct PostQuery {
    /// Articles or pages.
    pub kind: Kind,
    /// In every locale, rather than in the site's own.
    pub any_locale: bool,
    /// Which of them.
    pub filter: Filter<PostCondition>,
    /// In which order.
    pub order: PostOrder,
    /// Whole, rather than as lists have them.
    pub with_body: bool,
}

/// A page of posts.
#[derive(Debug, Default)]
pub struct Posts {
    /// What is on it.
    pub articles: Vec<PublishedArticle>,
    /// Their identities in Ghost's API.
    pub ghost_ids: HashMap<String, String>,
    /// Those of them that take comments.
    pub open: HashSet<String>,
    /// The internal tags that they have.
    pub internal: HashMap<String, Vec<String>>,
    /// How many there are in all.
    pub total: i64,
    /// The part of all posts that decides what is on it; none if nothing can be, as long as nothing has another name.
    pub window: Option<Window>,
}

type Select<'a> = diesel::helper_types::IntoBoxed<'a, published_articles::table, MultiBackend>;

/// A page of posts.
pub fn posts(conn: &mut Conn, view: &View, settings: &Settings, query: &PostQuery, slice: Slice) -> Result<Posts> {
    let filter = Names::default().resolve(conn, &query.filter)?;
    let now = view.now.micros();
    let select = |conn: &Conn| -> Select<'_> {
        use published_articles::{kind, locale, visible_from, visible_until};
        let mut select = published_articles::table.into_boxed();
        select = select.filter(kind.eq(query.kind.as_str()));
        if !query.any_locale {
            select = select.filter(locale.eq(settings.locale.clone()));
        }
        select.filter(visible_from.le(now)).filter(visible_until.gt(now)).filter(compile(conn, &filter))
    };
    let total: i64 = select(conn).count().get_result(conn)?;
    let ids = if total > slice.offset { in_order(conn, query, select(conn), slice)? } else { Vec::new() };
    let mut posts = Posts { total, ..Posts::default() };
    if !ids.is_empty() {
        posts.articles = published::in_order(conn, view, &ids, query.with_body)?;
        posts.ghost_ids = ghost_ids::of_all(conn, ghost_ids::Kind::Article, ids.clone())?;
        posts.open = published::open_among(conn, &ids)?;
        posts.internal = internal_tags(conn, ids, view.now)?;
    }
    posts.window = window(query, &filter, settings, &posts.articles);
    Ok(posts)
}

fn in_order(conn: &mut Conn, query: &PostQuery, select: Select<'_>, slice: Slice) -> Result<Vec<String>> {
    use published_articles::article_id;
    match &query.order {
        PostOrder::By(rules) => {
            let rule = |(field, descends): &(PostField, bool)| {
                let column = column(conn, *field);
                let column = if *field == PostField::Title { format!("lower({column})") } else { column };
                format!("{column} {}", if *descends { "DESC" } else { "ASC" })
            };
            let last = rules.last().is_some_and(|(_, descends)| *descends);
            let rules = rules.iter().chain([&(PostField::Uuid, last)]).map(rule).collect::<Vec<_>>().join(", ");
            let page = select.limit(slice.limit).offset(slice.offset);
            Ok(page.order(sql::<Text>(&rules)).select(article_id).load(conn)?)
        }
        PostOrder::Slugs(slugs) => {
            // There are no more of them than were named.
            let mut rows: Vec<(String, String)> = select.select((published_articles::slug, article_id)).load(conn)?;
            rows.sort_by_cached_key(|(own, id)| (slugs.iter().position(|slug| slug == own), id.clone()));
            let (skip, take) = (usize::try_from(slice.offset)?, usize::try_from(slice.limit)?);
            Ok(rows.into_iter().skip(skip).take(take).map(|(_, id)| id).collect())
        }
    }
}

/// The internal tags of each of these articles.
fn internal_tags(conn: &mut Conn, ids: Vec<String>, now: Timestamp) -> Result<HashMap<String, Vec<String>>> {
    let rows: Vec<(String, String)> = published_in::table
        .inner_join(tag_rows::table.on(tag_rows::id.eq(published_in::scope_id)))
        .filter(published_in::scope.eq("tag"))
        .filter(one_of(published_in::article_id, ids))
        .filter(published_in::visible_from.le(now.micros()))
        .filter(published_in::visible_until.gt(now.micros()))
        .filter(tag_rows::internal)
        .order(tag_rows::name)
        .select((published_in::article_id, tag_rows::id))
        .load(conn)?;
    let mut tags: HashMap<String, Vec<String>> = HashMap::new();
    for (article, tag) in rows {
        tags.entry(article).or_default().push(tag);
    }
    Ok(tags)
}

/// What articles are listed under: a scope of `published_in`, and an identity.
type Scope = (&'static str, String);

/// A condition with everything looked up that it names.
enum Resolved {
    Own(PostField, Test),
    /// Under any of these, or under none.
    Under {
        scopes: Vec<Scope>,
        not: bool,
    },
    /// Any of these is the first of its kind, or none.
    First {
        scopes: Vec<Scope>,
        not: bool,
    },
}

/// Tags and authors, read once if anything names them.
#[derive(Default)]
struct Names {
    tags: Option<Vec<tags::Tag>>,
    authors: Option<Vec<super::Author>>,
}

impl Names {
    fn resolve(&mut self, conn: &mut Conn, filter: &Filter<PostCondition>) -> Result<Filter<Resolved>> {
        filter.map(&mut |condition| {
            Ok(match condition {
                PostCondition::Own(PostField::Id, Test { not, what: What::OneOf(wanted) }) => {
                    let ids = ghost_ids::named(conn, ghost_ids::Kind::Article, wanted.clone())?;
                    Resolved::Own(PostField::Uuid, Test { not: *not, what: What::OneOf(ids) })
                }
                PostCondition::Own(field, test) => Resolved::Own(*field, test.clone()),
                PostCondition::Tags(field, test) => {
                    Resolved::Under { scopes: self.tags(conn, *field, test, true)?, not: test.not }
                }
                PostCondition::PrimaryTag(field, test) => {
                    Resolved::First { scopes: self.tags(conn, *field, test, false)?, not: test.not }
                }
                PostCondition::Authors(field, test) => {
                    Resolved::Under { scopes: self.authors(conn, *field, test)?, not: test.not }
                }
                PostCondition::PrimaryAuthor(field, test) => {
                    Resolved::First { scopes: self.authors(conn, *field, test)?, not: test.not }
                }
            })
        })
    }

    fn tags(&mut self, conn: &mut Conn, field: TermField, test: &Test, internal: bool) -> Result<Vec<Scope>> {
        if self.tags.is_none() {
            self.tags = Some(tags::all(conn)?);
        }
        let tags = self.tags.iter().flatten().filter(|tag| internal || !tag.internal);
        let fit = tags.filter(|tag| test.what.holds(Some(tag.field(field))));
        Ok(fit.map(|tag| (tag.scope, tag.id.clone())).collect())
    }

    fn authors(&mut self, conn: &mut Conn, field: TermField, test: &Test) -> Result<Vec<Scope>> {
        if self.authors.is_none() {
            self.authors = Some(authors_of(conn, None)?);
        }
        let fit = self.authors.iter().flatten().filter(|author| test.what.holds(Some(author.field(field))));
        Ok(fit.map(|author| ("byline", author.id.clone())).collect())
    }
}

/// The window through which a page looks: at what stands under all that it must stand under. If nothing that may be
/// another with the next publication decides, and the order is that of time, from its first post to its last.
fn window(
    query: &PostQuery,
    filter: &Filter<Resolved>,
    settings: &Settings,
    articles: &[PublishedArticle],
) -> Option<Window> {
    let mut scopes = Vec::new();
    let mut fixed = matches!(&query.order, PostOrder::By(rules) if matches!(rules[..], [(PostField::PublishedAt, _)]));
    for needed in filter.needed() {
        match needed {
            Filter::Is(Resolved::Under { scopes: any, not: false }) if any.is_empty() => return None,
            Filter::Is(Resolved::Under { scopes: any, not: false }) if any.len() == 1 => {
                scopes.extend(any.iter().map(|(scope, id)| format!("{scope}:{id}")));
            }
            Filter::Is(Resolved::Own(PostField::PublishedAt | PostField::Uuid, _)) => {}
            _ => fixed = false,
        }
    }
    if scopes.is_empty() {
        scopes.push("all".to_owned());
    }
    let position = |article: &PublishedArticle| (article.summary.published_at.micros(), article.summary.id);
    // What comes or goes before them moves them: that is seen by the count.
    let seen = match (articles.first().map(position), articles.last().map(position)) {
        (Some(first), Some(last)) if fixed => (Bound::Included(first.min(last)), Bound::Included(first.max(last))),
        _ => (Bound::Unbounded, Bound::Unbounded),
    };
    let locale = (!query.any_locale).then(|| settings.locale.clone());
    Some(Window { scopes, locale, seen, counted: true, ..Window::whole(query.kind) })
}

/// The filter as a condition on the rows of the read model.
fn compile(conn: &Conn, filter: &Filter<Resolved>) -> Condition {
    match filter {
        Filter::All(parts) => {
            let parts = parts.iter().map(|part| compile(conn, part));
            parts.reduce(|one, other| Box::new(one.and(other))).unwrap_or_else(|| Box::new(sql::<Bool>("1 = 1")))
        }
        Filter::Any(parts) => {
            let parts = parts.iter().map(|part| compile(conn, part));
            parts.reduce(|one, other| Box::new(one.or(other))).unwrap_or_else(|| Box::new(sql::<Bool>("1 = 0")))
        }
        Filter::Is(Resolved::Own(field, test)) => own(&column(conn, *field), test),
        Filter::Is(Resolved::Under { scopes, not: false }) => {
            // By the first half an index leads to them; the second one leaves out what is of another revision.
            let (kinds, ids): (Vec<&str>, Vec<String>) = scopes.iter().cloned().unzip();
            let listed = published_in::table.filter(published_in::scope.eq_any(kinds));
            let listed = listed.filter(published_in::scope_id.eq_any(ids));
            let listed = published_articles::article_id.eq_any(listed.select(published_in::article_id));
            Box::new(listed.and(under(scopes)))
        }
        Filter::Is(Resolved::Under { scopes, not: true }) => Box::new(not(under(scopes))),
        Filter::Is(Resolved::First { scopes, not: false }) => first(scopes),
        Filter::Is(Resolved::First { scopes, not: true }) => Box::new(not(first(scopes))),
    }
}

/// Whether a post stands under any of these.
fn under(scopes: &[Scope]) -> Condition {
    let of = |kind: &str| scopes.iter().filter(|(scope, _)| *scope == kind).cloned().collect::<Vec<_>>();
    let each = ["category", "tag", "byline"].into_iter().map(of).filter(|scopes| !scopes.is_empty());
    let each = each.map(|scopes| any_of(&scopes));
    each.reduce(|one, other| Box::new(one.or(other))).unwrap_or_else(|| Box::new(sql::<Bool>("1 = 0")))
}

/// Whether any of these is the first category, of what has none the first tag, or the first byline. In a summary their
/// identities stand in order, and nothing else does there.
fn first(scopes: &[Scope]) -> Condition {
    let one = |scope: &Scope| -> Condition {
        let (before, after, more) = match scope.0 {
            "category" => ("category_ids", "tag_ids", ""),
            "tag" => ("tag_ids", "", " AND other.scope_id IN (SELECT id FROM tags WHERE NOT internal)"),
            _ => ("byline_ids", "category_ids", ""),
        };
        let kind = scope.0;
        let listed = "SELECT 1 FROM published_in other WHERE other.article_id = published_articles.article_id
            AND other.revision = published_articles.revision AND other.scope =";
        let earlier = format!(
            "NOT EXISTS ({listed} '{kind}'{more}
             AND published_articles.summary LIKE '%\"{before}\":[%' || other.scope_id || '%' || "
        );
        let end = if after.is_empty() { "%]}".to_owned() } else { format!("%],\"{after}\":[%") };
        let earlier = sql::<Bool>(&earlier).bind::<Text, _>(scope.1.clone()).sql(&format!(" || '{end}')"));
        let first = under(std::slice::from_ref(scope)).and(earlier);
        if kind == "tag" {
            return Box::new(first.and(sql::<Bool>(&format!("NOT EXISTS ({listed} 'category')"))));
        }
        Box::new(first)
    };
    scopes
        .iter()
        .map(one)
        .reduce(|one, other| Box::new(one.or(other)))
        .unwrap_or_else(|| Box::new(sql::<Bool>("1 = 0")))
}

/// Whether a column is so. What there is not is nothing in particular.
fn own(column: &str, test: &Test) -> Condition {
    let value = || sql::<Text>(column);
    let is: Condition = match &test.what {
        What::OneOf(values) => Box::new(value().eq_any(values.clone())),
        What::Absent => Box::new(value().is_null()),
        What::Holds(part, wanted) => {
            let wanted = wanted.to_ascii_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
            let pattern = match part {
                Part::Any => format!("%{wanted}%"),
                Part::Beginning => format!("{wanted}%"),
                Part::End => format!("%{wanted}"),
            };
            Box::new(sql::<Text>(&format!("lower({column})")).like(pattern).escape('\\'))
        }
        What::Time(relation, at) => {
            let (column, at) = (sql::<BigInt>(column), at.micros());
            match relation {
                Relation::At => Box::new(column.eq(at)),
                Relation::After => Box::new(column.gt(at)),
                Relation::From => Box::new(column.ge(at)),
                Relation::Before => Box::new(column.lt(at)),
                Relation::Until => Box::new(column.le(at)),
            }
        }
    };
    match (test.not, &test.what) {
        (false, _) => is,
        (true, What::Absent | What::Time(..)) => Box::new(not(is)),
        (true, _) => Box::new(value().is_null().or(not(is))),
    }
}

/// Where a member stands.
fn column(conn: &Conn, field: PostField) -> String {
    let own = |name: &str| format!("published_articles.{name}");
    let stored = |path: &str| match conn {
        Conn::Sqlite(_) if field == PostField::Featured => format!("json_type(published_articles.summary, '$.{path}')"),
        Conn::Sqlite(_) => format!("json_extract(published_articles.summary, '$.{path}')"),
        Conn::Postgres(_) => {
            let path = path.replace('.', ",");
            format!("(published_articles.summary::json #>> '{{{path}}}') COLLATE \"C\"")
        }
    };
    match field {
        PostField::Id | PostField::Uuid => own("article_id"),
        PostField::Slug => own("slug"),
        PostField::PublishedAt => own("published_at"),
        PostField::UpdatedAt => own("updated_at"),
        PostField::Title => stored("title"),
        PostField::Featured => stored("featured"),
        PostField::Visibility => stored("visibility"),
        PostField::FeatureImage => stored("cover_image.url"),
        PostField::MetaTitle => stored("seo.meta_title"),
        PostField::MetaDescription => stored("seo.meta_description"),
        PostField::CanonicalUrl => stored("seo.canonical_url"),
    }
}
