//! What is joined to articles when an answer is built: small forms of what they refer to, translations, addresses.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use diesel::prelude::*;
use domain::articles::Kind;
use domain::ids::ArticleId;
use domain::published::{Joined, Translation};
use domain::site::{self, ArticlePlace, Settings};
use domain::{Result, Timestamp};

use crate::Conn;
use crate::forms::{Form, References, Referred};
use crate::fragments::one_of;
use crate::pages::Tree;
use crate::published::{View, kind_of, references_of};
use crate::schema::published_articles as published;

/// What an article is joined by.
pub(crate) struct Refers<'a> {
    pub(crate) id: ArticleId,
    pub(crate) kind: Kind,
    /// Of a page: the one it stands under, whether or not readers see that.
    pub(crate) parent: Option<ArticleId>,
    pub(crate) group: &'a str,
    pub(crate) locale: &'a str,
    pub(crate) slug: &'a str,
    pub(crate) published_at: Timestamp,
    pub(crate) references: References<'a>,
}

/// What is joined to one article.
pub(crate) struct Joint {
    /// Of a page: the one it stands under, if readers see that.
    parent: Option<ArticleId>,
    url: String,
    referred: Referred,
    translations: BTreeMap<String, Translation>,
}

impl Joint {
    /// Writes it as members of a JSON object, with a comma behind each: as [`Joined`] is written, but for internal tags,
    /// which readers do not see.
    pub(crate) fn write(&self, json: &mut String) -> Result<()> {
        let Referred { categories, bylines, tags } = &self.referred;
        json.push_str("\"parent_id\":");
        json.push_str(&serde_json::to_string(&self.parent)?);
        json.push_str(",\"url\":");
        json.push_str(&serde_json::to_string(&self.url)?);
        json.push_str(",\"bylines\":");
        array(json, bylines);
        json.push_str(",\"primary_category\":");
        json.push_str(categories.first().map_or("null", |form| &form.json));
        json.push_str(",\"categories\":");
        array(json, categories);
        json.push_str(",\"tags\":");
        array(json, tags);
        json.push_str(",\"translations\":");
        json.push_str(&serde_json::to_string(&self.translations)?);
        json.push(',');
        Ok(())
    }
}

fn array<T>(json: &mut String, forms: &[Arc<Form<T>>]) {
    json.push('[');
    for (number, form) in forms.iter().filter(|form| !form.internal).enumerate() {
        if number > 0 {
            json.push(',');
        }
        json.push_str(&form.json);
    }
    json.push(']');
}

impl From<Joint> for Joined {
    fn from(Joint { parent, url, referred, translations }: Joint) -> Self {
        let Referred { categories, bylines, tags } = referred;
        Self {
            parent_id: parent,
            url,
            bylines: bylines.iter().map(|form| form.small.clone()).collect(),
            primary_category: categories.first().map(|form| form.small.clone()),
            categories: categories.iter().map(|form| form.small.clone()).collect(),
            tags: tags.iter().map(|form| form.small.clone()).collect(),
            translations,
        }
    }
}

/// Joins a page of articles; if all that they refer to is known, and the site has one language, without any query.
pub(crate) fn join(conn: &mut Conn, view: &View, settings: &Settings, articles: &[Refers<'_>]) -> Result<Vec<Joint>> {
    let references: Vec<References<'_>> = articles.iter().map(|article| article.references).collect();
    let referred = view.forms.of(conn, &references)?;
    // The other languages of a site are those of its settings.
    let groups =
        if settings.locales.len() > 1 { translations(conn, view, settings, articles)? } else { HashMap::new() };
    let pages = articles.iter().filter(|refers| refers.kind == Kind::Page);
    let above = pages.filter_map(|refers| refers.parent).map(|id| id.to_string()).collect();
    let pages = Tree::above(conn, above, view.now)?;
    let joined = articles.iter().zip(referred).map(|(refers, referred)| {
        let parent = refers.parent.filter(|id| pages.holds(&id.to_string()));
        let path = (refers.kind == Kind::Page)
            .then(|| pages.path_under(parent.map(|id| id.to_string()).as_deref(), refers.slug));
        let place = ArticlePlace {
            slug: refers.slug,
            id: refers.id,
            locale: refers.locale,
            category_path: referred.categories.first().map(|category| category.small.path.as_str()),
            published_at: refers.published_at,
            page_path: path.as_deref(),
        };
        let url = site::article_url(settings, &view.public_url, &place);
        let others = groups.get(refers.group).into_iter().flatten();
        let translations = others.filter(|(locale, _)| locale != refers.locale).cloned().collect();
        Joint { parent, url, referred, translations }
    });
    Ok(joined.collect())
}

/// A translation: its group, locale, slug and identity, when it was first public, its summary, kind and parent.
type Row = (String, String, String, String, i64, String, String, Option<String>);

/// The public articles of each group: their locales, and where they are.
type Groups = HashMap<String, Vec<(String, Translation)>>;

fn translations(conn: &mut Conn, view: &View, settings: &Settings, articles: &[Refers<'_>]) -> Result<Groups> {
    let mut groups: Vec<String> = articles.iter().map(|article| article.group.to_owned()).collect();
    groups.sort_unstable();
    groups.dedup();
    let rows: Vec<Row> = published::table
        .filter(one_of(published::group_id, groups))
        .filter(published::visible_from.le(view.now.micros()))
        .filter(published::visible_until.gt(view.now.micros()))
        .select((
            published::group_id,
            published::locale,
            published::slug,
            published::article_id,
            published::published_at,
            published::summary,
            published::kind,
            published::parent_id,
        ))
        .load(conn)?;
    let stored: Vec<_> = rows.iter().map(|row| references_of(&row.5)).collect::<Result<_>>()?;
    let references: Vec<References<'_>> = stored
        .iter()
        .map(|stored| References { category_ids: &stored.category_ids, byline_ids: &[], tag_ids: &[] })
        .collect();
    let referred = view.forms.of(conn, &references)?;
    let pages = Tree::above(conn, rows.iter().filter_map(|row| row.7.clone()).collect(), view.now)?;
    let mut translations = Groups::new();
    for ((group, locale, slug, id, published_at, _, kind, parent), referred) in rows.into_iter().zip(referred) {
        let path = (kind_of(&kind) == Kind::Page).then(|| pages.path_under(parent.as_deref(), &slug));
        let place = ArticlePlace {
            slug: &slug,
            id: id.parse()?,
            locale: &locale,
            category_path: referred.categories.first().map(|category| category.small.path.as_str()),
            published_at: Timestamp::from_micros(published_at),
            page_path: path.as_deref(),
        };
        let url = site::article_url(settings, &view.public_url, &place);
        translations.entry(group).or_default().push((locale, Translation { slug, url }));
    }
    Ok(translations)
}
