//! What is asked of posts: looked up, and as a condition on the rows of the read model.

use diesel::dsl::{not, sql};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};
use domain::Result;

use super::{PostCondition, PostField};
use crate::ghost::authors::{Author, authors_of};
use crate::ghost::filter::{Filter, Part, Relation, TermField, Test, What};
use crate::ghost::tags::{self, Tag};
use crate::published::{Condition, any_of, listed_under};
use crate::{Conn, ghost_ids};

/// What articles are listed under: a scope of `published_in`, and an identity.
pub(super) type Scope = (&'static str, String);

/// A condition with everything looked up that it names.
pub(super) enum Resolved {
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

/// All tags, and all authors, read once if anything needs them.
#[derive(Default)]
pub(super) struct Names {
    tags: Option<Vec<Tag>>,
    authors: Option<Vec<Author>>,
}

impl Names {
    /// A filter with everything looked up that it names.
    pub(super) fn resolve(&mut self, conn: &mut Conn, filter: &Filter<PostCondition>) -> Result<Filter<Resolved>> {
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
        let fits = |tag: &&Tag| (internal || !tag.internal) && test.what.holds(Some(tag.field(field)));
        let scopes = |tags: &[Tag]| tags.iter().filter(fits).map(|tag| (tag.scope, tag.id.clone())).collect();
        if let (TermField::Slug, What::OneOf(wanted)) = (field, &test.what) {
            return Ok(scopes(&tags::with_slugs(conn, wanted)?));
        }
        if self.tags.is_none() {
            self.tags = Some(tags::all(conn)?);
        }
        Ok(scopes(self.tags.as_deref().unwrap_or_default()))
    }

    fn authors(&mut self, conn: &mut Conn, field: TermField, test: &Test) -> Result<Vec<Scope>> {
        if self.authors.is_none() {
            self.authors = Some(authors_of(conn, None)?);
        }
        let fit = self.authors.iter().flatten().filter(|author| test.what.holds(Some(author.field(field))));
        Ok(fit.map(|author| ("byline", author.id.clone())).collect())
    }
}

/// The filter as a condition on the rows of the read model.
pub(super) fn compile(conn: &Conn, filter: &Filter<Resolved>) -> Condition {
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
        Filter::Is(Resolved::Under { scopes, not: false }) => Box::new(listed_under(scopes).and(under(scopes))),
        Filter::Is(Resolved::Under { scopes, not: true }) => Box::new(not(under(scopes))),
        Filter::Is(Resolved::First { scopes, not: false }) => Box::new(listed_under(scopes).and(first(scopes))),
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
            AND other.revision = published_articles.revision AND other.scope || '' =";
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
pub(super) fn column(conn: &Conn, field: PostField) -> String {
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
