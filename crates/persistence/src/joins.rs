//! What is joined to articles when an answer is built: small forms of what they refer to, translations, addresses.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use diesel::prelude::*;
use domain::articles::Kind;
use domain::ids::ArticleId;
use domain::published::{Joined, Translation};
use domain::site::{ArticlePlace, ArticleUrls, Settings};
use domain::{Result, Timestamp};

use crate::Conn;
use crate::forms::{Form, References, Referred};
use crate::fragments::one_of;
use crate::pages::Tree;
use crate::published::{self as read_model, Row, View, kind_of, push_text, references_of};
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

impl<'a> Refers<'a> {
    /// As the read model has it.
    pub(crate) fn of(row: &'a Row, stored: &'a read_model::References) -> Result<Self> {
        Ok(Self {
            id: row.article_id.parse()?,
            kind: kind_of(&row.kind),
            parent: row.parent_id.as_deref().map(str::parse).transpose()?,
            group: &row.group_id,
            locale: &row.locale,
            slug: &row.slug,
            published_at: Timestamp::from_micros(row.published_at),
            references: stored.as_form(),
        })
    }
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
        match self.parent {
            Some(parent) => json.push_str(&serde_json::to_string(&parent)?),
            None => json.push_str("null"),
        }
        json.push_str(",\"url\":");
        push_text(json, &self.url)?;
        json.push_str(",\"bylines\":");
        array(json, bylines);
        json.push_str(",\"primary_category\":");
        json.push_str(categories.first().map_or("null", |form| &form.json));
        json.push_str(",\"categories\":");
        array(json, categories);
        json.push_str(",\"tags\":");
        array(json, tags);
        json.push_str(",\"translations\":");
        if self.translations.is_empty() {
            json.push_str("{}");
        } else {
            json.push_str(&serde_json::to_string(&self.translations)?);
        }
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

/// Joins a page of articles to what they refer to, with those of their [`translations`] that they name; if all of that
/// is known, without any query.
pub(crate) fn join(
    conn: &mut Conn,
    view: &View,
    settings: &Settings,
    articles: &[Refers<'_>],
    translations: &[Row],
) -> Result<Vec<Joint>> {
    let stored: Vec<_> = translations.iter().map(|row| references_of(&row.summary)).collect::<Result<_>>()?;
    // Of a translation its address is told alone.
    let addressed = |(row, stored)| {
        let whole = Refers::of(row, stored)?;
        Ok(Refers { references: References { byline_ids: &[], tag_ids: &[], ..whole.references }, ..whole })
    };
    let others: Vec<Refers<'_>> = translations.iter().zip(&stored).map(addressed).collect::<Result<_>>()?;
    let all = || articles.iter().chain(&others);
    let references: Vec<References<'_>> = all().map(|refers| refers.references).collect();
    let referred = view.forms.of(conn, &references)?;
    let above = all().filter(|refers| refers.kind == Kind::Page).filter_map(|refers| refers.parent);
    let pages = Tree::above(conn, above.map(|id| id.to_string()).collect(), view.now)?;
    let urls = ArticleUrls::new(settings, &view.public_url);
    let mut joints = Vec::with_capacity(articles.len());
    let mut groups: HashMap<&str, Vec<(&str, Translation)>> = HashMap::new();
    for (number, (refers, referred)) in all().zip(referred).enumerate() {
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
        let url = urls.of(&place);
        if number < articles.len() {
            joints.push(Joint { parent, url, referred, translations: BTreeMap::new() });
        } else {
            let translation = Translation { slug: refers.slug.to_owned(), url };
            groups.entry(refers.group).or_default().push((refers.locale, translation));
        }
    }
    for (joint, refers) in joints.iter_mut().zip(articles) {
        let others = groups.get(refers.group).into_iter().flatten().filter(|(locale, _)| *locale != refers.locale);
        joint.translations = others.map(|(locale, translation)| ((*locale).to_owned(), translation.clone())).collect();
    }
    Ok(joints)
}

/// What readers see of these groups: the articles of a page in each language. A site of one language has none.
pub(crate) fn translations(
    conn: &mut Conn,
    settings: &Settings,
    mut groups: Vec<String>,
    now: Timestamp,
) -> Result<Vec<Row>> {
    // The languages of a site are those of its settings.
    if settings.locales.len() < 2 {
        return Ok(Vec::new());
    }
    groups.sort_unstable();
    groups.dedup();
    Ok(published::table
        .filter(one_of(published::group_id, groups))
        .filter(published::visible_from.le(now.micros()))
        .filter(published::visible_until.gt(now.micros()))
        .select(Row::as_select())
        .load(conn)?)
}
