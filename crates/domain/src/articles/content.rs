//! The content of an article: what a request says, checked, and what a revision keeps.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{Comments, Kind, Visibility};
use crate::error::Faults;
use crate::ids::{ArticleId, BylineId, CategoryId, TagId};
use crate::text::{self, BodyFormat, Heading, Line, Locale, Prose, Rendered, Slug, Title, WebUrl};
use crate::{Error, Fault, Result};

/// Most bylines, categories or tags that one article may have of each.
const MAX_REFERENCES: usize = 50;
const EXCERPT_CHARS: usize = 200;

/// What an editor says of an article. On creation `title` is required; in a patch what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ArticleWrite {
    /// What sort of thing it is; absent: an article. Fixed from its creation on.
    pub kind: Option<Kind>,
    /// Of a page: the page that it stands under, in the same locale.
    pub parent_id: Option<ArticleId>,
    /// A single line of at most 200 characters.
    #[schema(min_length = 1, max_length = 1000, example = "Who takes over?")]
    pub title: Option<String>,
    /// Its name in addresses, unique within its locale; absent: made from the title.
    #[schema(pattern = "^[a-z0-9-]{1,100}$", example = "who-takes-over")]
    pub slug: Option<String>,
    /// Its language (BCP 47), one of the site's; absent: the site's default. Fixed once it was public.
    #[schema(example = "en")]
    pub locale: Option<String>,
    /// An article of which this one is a translation.
    pub translation_of: Option<ArticleId>,
    /// One or two sentences; absent: made from the body.
    #[schema(max_length = 1000)]
    pub excerpt: Option<String>,
    /// At most 1 MiB, in the format that `body_format` names. HTML is sanitised before it is kept.
    #[schema(max_length = 1_048_576)]
    pub body: Option<String>,
    /// What the body is written in; absent: Markdown.
    pub body_format: Option<BodyFormat>,
    /// Who may read all of it; absent: everyone. Of what is for members or payers, the public gets what stands before
    /// `<!--members-only-->` in the body, and nothing of a body without that mark.
    pub visibility: Option<Visibility>,
    /// Whether front ends are to set it apart; false if absent.
    pub featured: Option<bool>,
    /// The picture above it.
    pub cover_image: Option<CoverImageWrite>,
    /// What search engines are told.
    pub seo: Option<Seo>,
    /// Who it is signed with, in this order.
    pub byline_ids: Option<Vec<BylineId>>,
    /// Where it belongs; the first is its primary category.
    pub category_ids: Option<Vec<CategoryId>>,
    /// Its labels, in this order.
    pub tag_ids: Option<Vec<TagId>>,
    /// Anything a front end needs: at most 16 KiB of JSON, 8 levels deep.
    #[schema(value_type = Option<std::collections::BTreeMap<String, Value>>)]
    pub custom: Option<Map<String, Value>>,
    /// Whether readers may leave comments. Takes effect at once, not at the next publication.
    pub comments: Option<Comments>,
}

/// The picture above an article, as it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CoverImageWrite {
    /// Its address (http or https).
    #[schema(format = "uri", max_length = 2000)]
    pub url: Option<String>,
    /// What it shows, for those who do not see it.
    #[schema(max_length = 500)]
    pub alt: Option<String>,
}

/// The picture above an article.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CoverImage {
    /// Its address (http or https).
    #[schema(format = "uri")]
    pub url: String,
    /// What it shows, for those who do not see it.
    pub alt: String,
}

/// What search engines are told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Seo {
    /// Instead of the title.
    #[schema(max_length = 200)]
    pub meta_title: Option<String>,
    /// Instead of the excerpt.
    #[schema(max_length = 500)]
    pub meta_description: Option<String>,
    /// Where the original stands, if not here.
    #[schema(format = "uri", max_length = 2000)]
    pub canonical_url: Option<String>,
    /// Whether they shall leave it out; false if absent.
    pub noindex: bool,
}

/// What a revision keeps: the content whole, with what was made from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Content {
    /// Its title.
    pub title: String,
    /// Its name in addresses.
    pub slug: String,
    /// The excerpt that was given; absent: one is made.
    pub excerpt: Option<String>,
    /// What the editor wrote (HTML: sanitised).
    pub body: String,
    /// What the body is written in.
    pub body_format: BodyFormat,
    /// Of a page: the page that it stands under.
    #[serde(default)]
    pub parent_id: Option<ArticleId>,
    /// Who may read all of it.
    #[serde(default)]
    pub visibility: Visibility,
    /// Whether front ends are to set it apart.
    #[serde(default)]
    pub featured: bool,
    /// Of what is not for everyone: what is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teaser: Option<Teaser>,
    /// The picture above it.
    pub cover_image: Option<CoverImage>,
    /// What search engines are told.
    pub seo: Seo,
    /// Who it is signed with.
    pub byline_ids: Vec<BylineId>,
    /// Where it belongs, the primary one first.
    pub category_ids: Vec<CategoryId>,
    /// Its labels.
    pub tag_ids: Vec<TagId>,
    /// Anything a front end needs.
    pub custom: Map<String, Value>,
    /// The body as safe HTML.
    pub body_html: String,
    /// The body as plain text.
    pub text: String,
    /// The headings of the body.
    pub toc: Vec<Heading>,
    /// Words of the body.
    pub word_count: u32,
    /// Minutes it takes to read, rounded up.
    pub reading_minutes: u32,
}

/// The part of a body that stands before the mark.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Teaser {
    /// As safe HTML.
    pub body_html: String,
    /// As plain text.
    pub text: String,
    /// Its headings.
    pub toc: Vec<Heading>,
    /// Its words.
    pub word_count: u32,
    /// Minutes it takes to read, rounded up.
    pub reading_minutes: u32,
}

impl From<Rendered> for Teaser {
    fn from(rendered: Rendered) -> Self {
        let Rendered { html, text, toc, word_count, reading_minutes } = rendered;
        Self { body_html: html, text, toc, word_count, reading_minutes }
    }
}

impl Content {
    /// What the public gets of it: all that readers see, and all that is searched and counted, is made from this.
    pub fn for_readers(&self) -> Cow<'_, Self> {
        if self.visibility == Visibility::Public {
            return Cow::Borrowed(self);
        }
        let Teaser { body_html, text, toc, word_count, reading_minutes } = self.teaser.clone().unwrap_or_default();
        let body = String::new();
        Cow::Owned(Self { body, body_html, text, toc, word_count, reading_minutes, teaser: None, ..self.clone() })
    }

    /// The excerpt that was given, or one made from the body.
    pub fn excerpt(&self) -> String {
        self.excerpt.clone().unwrap_or_else(|| text::body_excerpt(&self.text, &self.toc, EXCERPT_CHARS))
    }
}

/// An article whose members are known to be good. That what it refers to exists, persistence finds out.
#[derive(Debug)]
pub struct Draft {
    /// What sort of thing it is, if it was said.
    pub kind: Option<Kind>,
    /// The content; its slug is empty if none was asked for.
    pub content: Content,
    /// The slug that was asked for.
    pub slug: Option<Slug>,
    /// The locale that was asked for.
    pub locale: Option<Locale>,
    /// The article that this one translates.
    pub translation_of: Option<ArticleId>,
    /// Whether readers may leave comments, if it was said.
    pub comments: Option<Comments>,
}

impl ArticleWrite {
    /// Checks every member, renders the body, and names every fault.
    pub fn check(self) -> Result<Draft> {
        self.check_change("")
    }

    /// The same for a change of what has this slug: that one it may keep, whatever its form.
    pub fn check_change(self, slug: &str) -> Result<Draft> {
        let mut faults = Faults::default();
        let title = faults.take("/title", Title::parse(self.title.as_deref().unwrap_or_default()));
        let slug = self.slug.as_deref().and_then(|new| faults.take("/slug", Slug::parse_or_keep(new, slug)));
        let locale = self.locale.as_deref().and_then(|locale| faults.take("/locale", Locale::parse(locale)));
        let excerpt = self.excerpt.as_deref().unwrap_or_default();
        let excerpt = faults.take("/excerpt", Prose::<1000>::parse_optional(excerpt)).flatten();
        let body_format = self.body_format.unwrap_or(BodyFormat::Markdown);
        let body = self.body.unwrap_or_default();
        let body = match body_format {
            BodyFormat::Html => faults.take("/body", text::sanitise_parts(&body)),
            BodyFormat::Markdown => Some(body),
        };
        let rendered = body.as_deref().and_then(|body| faults.take("/body", text::render(body, body_format)));
        let visibility = self.visibility.unwrap_or_default();
        let open = body.as_deref().filter(|_| visibility != Visibility::Public).and_then(text::before_mark);
        let teaser = open.and_then(|open| faults.take("/body", text::render(open, body_format)));
        let cover_image = self.cover_image.and_then(|image| cover_image(&image, &mut faults));
        let seo = seo(self.seo.unwrap_or_default(), &mut faults);
        let byline_ids = references("/byline_ids", self.byline_ids, &mut faults);
        let category_ids = references("/category_ids", self.category_ids, &mut faults);
        let tag_ids = references("/tag_ids", self.tag_ids, &mut faults);
        let custom = Value::Object(self.custom.unwrap_or_default());
        faults.take("/custom", text::check_custom(&custom));
        faults.finish()?;
        let (Some(title), Some(body), Some(rendered), Value::Object(custom)) = (title, body, rendered, custom) else {
            return Err(Error::Internal("a fault went unnoted".into()));
        };
        let content = Content {
            title: title.to_string(),
            slug: slug.as_ref().map(ToString::to_string).unwrap_or_default(),
            excerpt: excerpt.map(|excerpt| excerpt.to_string()),
            body,
            body_format,
            parent_id: self.parent_id,
            visibility,
            featured: self.featured.unwrap_or_default(),
            teaser: teaser.map(Teaser::from),
            cover_image,
            seo,
            byline_ids,
            category_ids,
            tag_ids,
            custom,
            body_html: rendered.html,
            text: rendered.text,
            toc: rendered.toc,
            word_count: rendered.word_count,
            reading_minutes: rendered.reading_minutes,
        };
        let Self { kind, translation_of, comments, .. } = self;
        Ok(Draft { kind, content, slug, locale, translation_of, comments })
    }
}

fn cover_image(image: &CoverImageWrite, faults: &mut Faults) -> Option<CoverImage> {
    let url = faults.take("/cover_image/url", WebUrl::parse(image.url.as_deref().unwrap_or_default()));
    let alt = image.alt.as_deref().unwrap_or_default();
    let alt = faults.take("/cover_image/alt", Line::<500>::parse_optional(alt)).flatten();
    url.map(|url| CoverImage { url: url.to_string(), alt: alt.map(|alt| alt.to_string()).unwrap_or_default() })
}

fn seo(seo: Seo, faults: &mut Faults) -> Seo {
    let title = seo.meta_title.unwrap_or_default();
    let description = seo.meta_description.unwrap_or_default();
    let url = seo.canonical_url.unwrap_or_default();
    let title = faults.take("/seo/meta_title", Line::<200>::parse_optional(&title)).flatten();
    let description = faults.take("/seo/meta_description", Line::<500>::parse_optional(&description)).flatten();
    let url = faults.take("/seo/canonical_url", WebUrl::parse_optional(&url, 2000)).flatten();
    Seo {
        meta_title: title.map(|title| title.to_string()),
        meta_description: description.map(|description| description.to_string()),
        canonical_url: url.map(|url| url.to_string()),
        noindex: seo.noindex,
    }
}

/// What is referred to, each once, in the order given.
fn references<T: PartialEq>(pointer: &str, ids: Option<Vec<T>>, faults: &mut Faults) -> Vec<T> {
    let mut once = Vec::new();
    let ids = ids.unwrap_or_default();
    if ids.len() > MAX_REFERENCES {
        faults.note(Fault::at(pointer, "too_many", format!("Name at most {MAX_REFERENCES}.")));
        return once;
    }
    for id in ids {
        if !once.contains(&id) {
            once.push(id);
        }
    }
    once
}

impl From<&Content> for ArticleWrite {
    /// What an editor would have to say to get this content again.
    fn from(content: &Content) -> Self {
        Self {
            title: Some(content.title.clone()),
            slug: Some(content.slug.clone()),
            excerpt: content.excerpt.clone(),
            body: Some(content.body.clone()),
            body_format: Some(content.body_format),
            parent_id: content.parent_id,
            visibility: Some(content.visibility),
            featured: Some(content.featured),
            cover_image: content
                .cover_image
                .as_ref()
                .map(|image| CoverImageWrite { url: Some(image.url.clone()), alt: Some(image.alt.clone()) }),
            seo: Some(content.seo.clone()),
            byline_ids: Some(content.byline_ids.clone()),
            category_ids: Some(content.category_ids.clone()),
            tag_ids: Some(content.tag_ids.clone()),
            custom: Some(content.custom.clone()),
            kind: None,
            locale: None,
            translation_of: None,
            comments: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_found() {
        let write = ArticleWrite {
            slug: Some("No".into()),
            cover_image: Some(CoverImageWrite { url: Some("javascript:1".into()), alt: None }),
            ..ArticleWrite::default()
        };
        let Err(Error::Invalid(faults)) = write.check() else { panic!("refused") };
        let places: Vec<_> = faults.iter().map(|fault| &fault.place).collect();
        let pointer = |pointer: &str| crate::Place::Pointer(pointer.into());
        assert_eq!(places, [&pointer("/title"), &pointer("/slug"), &pointer("/cover_image/url")]);
    }

    #[test]
    fn content_says_itself_again() {
        let write = ArticleWrite {
            title: Some("A title".into()),
            slug: Some("a-title".into()),
            body: Some("## Heading\n\nSome *words*.".into()),
            ..ArticleWrite::default()
        };
        let content = write.check().unwrap().content;
        assert_eq!(ArticleWrite::from(&content).check().unwrap().content, content);
        assert_eq!(content.excerpt(), "Some words.");
    }

    #[test]
    fn the_public_gets_what_stands_before_the_mark_and_nothing_without_one() {
        let write = |body: &str, body_format, visibility| ArticleWrite {
            title: Some("For members".into()),
            slug: Some("for-members".into()),
            body: Some(body.into()),
            body_format: Some(body_format),
            visibility: Some(visibility),
            ..ArticleWrite::default()
        };
        let html = "<div><h2>Open</h2><p>Seen.</p><!--members-only--><h2>Closed</h2><p>Hidden.</p></div>";
        let markdown = "## Open\n\nSeen.\n\n<!--members-only-->\n\n## Closed\n\nHidden.";
        for (body, format) in [(html, BodyFormat::Html), (markdown, BodyFormat::Markdown)] {
            let content = write(body, format, Visibility::Members).check().unwrap().content;
            assert!(content.body_html.contains("Hidden"), "{}", content.body_html);
            let shown = content.for_readers();
            let all = serde_json::to_string(&*shown).unwrap();
            assert!(all.contains("Seen") && !all.contains("Hidden") && !all.contains("Closed"), "{all}");
            assert_eq!((shown.toc.len(), shown.word_count, shown.excerpt().as_str()), (1, 2, "Seen."));
            assert!(content.body.contains("<!--members-only-->"), "it stays in the editors' body: {}", content.body);
            assert_eq!(ArticleWrite::from(&content).check().unwrap().content, content);
            let open = write(body, format, Visibility::Public).check().unwrap().content;
            assert!(open.for_readers().body_html.contains("Hidden"));
        }
        let content = write("All of it.", BodyFormat::Markdown, Visibility::Paid).check().unwrap().content;
        assert_eq!((content.for_readers().body_html.as_str(), content.for_readers().excerpt().as_str()), ("", ""));
    }

    #[test]
    fn a_slug_that_came_from_elsewhere_may_stay() {
        let write = ArticleWrite { title: Some("A".into()), slug: Some("Über_uns".into()), ..ArticleWrite::default() };
        assert!(write.clone().check().is_err());
        assert_eq!(write.check_change("Über_uns").unwrap().content.slug, "Über_uns");
    }
}
