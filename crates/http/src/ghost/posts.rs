//! Posts and pages.

use std::collections::HashMap;

use domain::articles::{Kind, Visibility};
use domain::published::{ArticleSummary, PublishedArticle};
use domain::text::{EXCERPT_CHARS, body_excerpt, plain_text};
use persistence::Conn;
use persistence::ghost::{
    self, Author, Filter, PostCondition, PostField, PostOrder, PostQuery, Posts, Tag, Test, What,
};
use persistence::wordpress::Slice;
use serde_json::{Map, Value, json};

use super::few::Few as _;
use super::params::Params;
use super::route::Which;
use super::shape::{CARDS, chosen, decoded, is_id, members, nulls, text};
use super::wrong::{Failure, Wrong};
use super::{Answered, Context, filters, list, reading_time};
use crate::delivery::Depends;

/// What `formats` may name. The last two are Ghost's own, and nobody's business.
const FORMATS: [&str; 4] = ["html", "plaintext", "mobiledoc", "lexical"];
/// Most rows of an index for searching in the browser.
const INDEXED: i64 = 10_000;
/// The length of an excerpt that nobody wrote, in characters.
const EXCERPT: usize = 500;
/// What cannot be told without the body.
const OF_BODY: [&str; 5] = ["html", "plaintext", "excerpt", "custom_excerpt", "reading_time"];

/// What is to be shown of posts.
struct Shown {
    kind: Kind,
    fields: Option<Vec<String>>,
    formats: Vec<String>,
    include: Vec<String>,
}

impl Shown {
    fn read(params: &Params, kind: Kind) -> Result<Self, Wrong> {
        let (include, mut fields) = (params.include()?, params.names("fields"));
        let formats = params.names("formats").unwrap_or_default();
        if formats.iter().any(|format| !FORMATS.contains(&format.as_str())) {
            return Err(Wrong::invalid("AllowedValues", "formats"));
        }
        if let Some(fields) = &mut fields {
            fields.extend(formats.iter().cloned());
        }
        Ok(Self { kind, fields, formats, include })
    }

    /// The member that holds them.
    fn name(&self) -> &'static str {
        if self.kind == Kind::Page { "pages" } else { "posts" }
    }

    fn includes(&self, name: &str) -> bool {
        self.include.iter().any(|asked| asked == name)
    }

    fn plaintext(&self) -> bool {
        self.formats.iter().chain(self.fields.iter().flatten()).any(|asked| asked == "plaintext")
    }

    fn html(&self) -> bool {
        let asked = |format: &str| self.formats.iter().any(|asked| asked == format);
        asked("html") || !asked("plaintext")
    }

    /// Whether anything is to be shown that cannot be told without the body.
    fn with_body(&self) -> bool {
        let Some(fields) = &self.fields else { return true };
        // If none of them means anything, everything is shown.
        fields.iter().any(|field| OF_BODY.contains(&field.as_str())) || !fields.iter().any(|field| is_member(field))
    }
}

/// Whether a member is one that posts have.
fn is_member(field: &str) -> bool {
    filters::post_field(field).is_some() || ["url", "access", "comments"].contains(&field)
}

/// A page of posts, or one.
pub(super) fn answer(
    conn: &mut Conn,
    context: &Context,
    params: &Params,
    kind: Kind,
    which: Which<'_>,
) -> Result<Answered, Failure> {
    let shown = Shown::read(params, kind)?;
    match which {
        Which::All => browse(conn, context, params, &shown),
        Which::Id(id) if !is_id(id) => Err(Wrong::invalid("matches", "id").into()),
        Which::Id(id) => read(conn, context, &shown, PostField::Id, id.to_ascii_lowercase()),
        Which::Slug(slug) => match decoded(slug) {
            Some(slug) if slug.contains(char::is_whitespace) => Err(Wrong::invalid("isSlug", "slug").into()),
            Some(slug) => read(conn, context, &shown, PostField::Slug, slug),
            None => Err(missing(kind).into()),
        },
    }
}

fn browse(conn: &mut Conn, context: &Context, params: &Params, shown: &Shown) -> Result<Answered, Failure> {
    let (page, asked) = (params.page()?, params.order()?);
    let read = filters::of_posts(params.text("filter"), context.view.now)?;
    let rules = asked.iter().filter_map(|(name, descends)| Some((filters::post_field(name)?, *descends)));
    let rules: Vec<_> = rules.collect();
    let order = match filters::named_slugs(&read.filter).filter(|_| params.text("order").is_none()) {
        Some(slugs) => PostOrder::Slugs(slugs),
        None if !rules.is_empty() => PostOrder::By(rules),
        None if shown.kind == Kind::Page => PostOrder::By(vec![(PostField::Title, false)]),
        None => PostOrder::By(vec![(PostField::PublishedAt, true)]),
    };
    let named = names(&read.filter);
    let (kind, with_body) = (shown.kind, shown.with_body());
    let query = PostQuery { kind, any_locale: false, filter: read.filter, order, with_body };
    let slice = Slice { offset: page.offset(), limit: page.limit };
    let posts = ghost::posts(conn, &context.view, &context.settings, &query, slice)?;
    let (total, window) = (posts.total, posts.window.clone());
    let (drawn, depends) = draw(conn, context, &posts, shown)?;
    let depends = depends.and(Depends::on(named));
    let depends = match window {
        Some(window) => depends.and_list(window),
        None => depends,
    };
    Ok(Answered { lasts: !read.moves, ..Answered::new(list(shown.name(), &drawn, page, total), depends) })
}

fn read(
    conn: &mut Conn,
    context: &Context,
    shown: &Shown,
    field: PostField,
    wanted: String,
) -> Result<Answered, Failure> {
    let test = Test { not: false, what: What::OneOf(vec![wanted]) };
    let query = PostQuery {
        kind: shown.kind,
        any_locale: field == PostField::Id,
        filter: Filter::Is(PostCondition::Own(field, test)),
        order: PostOrder::By(Vec::new()),
        with_body: shown.with_body(),
    };
    let posts = ghost::posts(conn, &context.view, &context.settings, &query, Slice { offset: 0, limit: 1 })?;
    let ids: Vec<String> = posts.articles.iter().map(|article| format!("article:{}", article.summary.id)).collect();
    let (drawn, depends) = draw(conn, context, &posts, shown)?;
    if drawn.is_empty() {
        return Err(missing(shown.kind).into());
    }
    Ok(Answered::new(json!({shown.name(): drawn}), Depends::on(ids).and(depends)))
}

fn missing(kind: Kind) -> Wrong {
    Wrong::not_found(if kind == Kind::Page { "Page not found." } else { "Post not found." })
}

/// Every post, the one that was changed last first, for searching in the browser.
pub(super) fn index(conn: &mut Conn, context: &Context) -> Result<Answered, Failure> {
    let query = PostQuery {
        kind: Kind::Article,
        any_locale: false,
        filter: Filter::All(Vec::new()),
        order: PostOrder::By(vec![(PostField::UpdatedAt, true)]),
        with_body: false,
    };
    let slice = Slice { offset: 0, limit: INDEXED };
    let Posts { articles, ghost_ids, window, .. } =
        ghost::posts(conn, &context.view, &context.settings, &query, slice)?;
    let shown = |article: &PublishedArticle| {
        let ArticleSummary { id, slug, joined, stored, updated_at, .. } = &article.summary;
        json!({
            "id": ghost_ids.get(&id.to_string()), "slug": slug, "title": stored.title, "excerpt": stored.excerpt,
            "url": joined.url, "updated_at": context.time(*updated_at), "visibility": stored.visibility,
        })
    };
    let body = json!({"posts": articles.iter().map(shown).collect::<Vec<_>>()});
    let ids = articles.iter().map(|article| format!("article:{}", article.summary.id));
    let depends = Depends::default().and_within(ids);
    Ok(Answered::new(body, window.into_iter().fold(depends, Depends::and_list)))
}

/// Lists of what a filter names: it may come, go, or be called otherwise.
fn names(filter: &Filter<PostCondition>) -> Vec<String> {
    match filter {
        Filter::All(parts) | Filter::Any(parts) => {
            let mut lists: Vec<String> = parts.iter().flat_map(names).collect();
            lists.sort_unstable();
            lists.dedup();
            lists
        }
        Filter::Is(PostCondition::Own(..)) => Vec::new(),
        Filter::Is(PostCondition::Tags(..) | PostCondition::PrimaryTag(..)) => {
            ["list:categories", "list:tags"].map(str::to_owned).into()
        }
        Filter::Is(PostCondition::Authors(..) | PostCondition::PrimaryAuthor(..)) => vec!["list:bylines".to_owned()],
    }
}

/// Draws a page of posts, and tells what they depend on.
fn draw(conn: &mut Conn, context: &Context, posts: &Posts, shown: &Shown) -> Result<(Vec<Value>, Depends), Failure> {
    let summaries = || posts.articles.iter().map(|article| &article.summary);
    let mut depends = Depends::default().and_within(summaries().map(|article| format!("article:{}", article.id)));
    let distinct = |mut ids: Vec<String>| {
        ids.sort_unstable();
        ids.dedup();
        ids
    };
    let mut tags = HashMap::new();
    if shown.includes("tags") {
        let categories = distinct(
            summaries().flat_map(|article| &article.joined.categories).map(|one| one.id.to_string()).collect(),
        );
        let public = summaries().flat_map(|article| &article.joined.tags).map(|one| one.id.to_string());
        let named = distinct(public.chain(posts.internal.values().flatten().cloned()).collect());
        tags = ghost::tags_named(conn, categories, named)?;
        let about = tags.values().map(|tag| format!("about:{}", tag.id));
        let slugs = tags.values().filter(|tag| tag.path.is_some()).map(|tag| format!("tag-slug:{}", tag.own_slug));
        depends = depends.and_within(about).and_within(slugs);
        depends = depends.shown_as(["list:categories", "list:tags"].map(str::to_owned));
    }
    let mut authors = HashMap::new();
    if shown.includes("authors") {
        let ids = summaries().flat_map(|article| &article.joined.bylines).map(|one| one.id.to_string());
        authors = ghost::authors_named(conn, distinct(ids.collect()))?;
        depends = depends.and_within(authors.keys().map(|id| format!("about:{id}")));
        depends = depends.shown_as(["list:bylines".to_owned()]);
    }
    let drawing = Drawing { context, shown, posts, tags, authors };
    Ok((posts.articles.iter().map(|article| drawing.draw(article)).collect(), depends))
}

/// What is drawn of posts, with all that they refer to.
struct Drawing<'a> {
    context: &'a Context,
    shown: &'a Shown,
    posts: &'a Posts,
    tags: HashMap<String, Tag>,
    authors: HashMap<String, Author>,
}

impl Drawing<'_> {
    fn draw(&self, article: &PublishedArticle) -> Value {
        let Self { context, shown, posts, .. } = self;
        let ArticleSummary { id, slug, joined, stored, published_at, updated_at, .. } = &article.summary;
        let id = id.to_string();
        let access = stored.visibility == Visibility::Public;
        let (cover, seo) = (stored.cover_image.as_ref(), &stored.seo);
        let mut post = members(json!({
            "id": posts.ghost_ids.get(&id), "uuid": id, "title": stored.title, "slug": slug,
        }));
        let mut custom_excerpt = None;
        let mut end = Map::new();
        if let Some(body) = &article.body {
            let plain = plain_text(&body.body_html);
            let given = stored.excerpt != body_excerpt(&plain, &body.toc, EXCERPT_CHARS);
            custom_excerpt = Some(stored.excerpt.as_str()).filter(|_| given);
            let excerpt: String = custom_excerpt.map_or_else(|| plain.chars().take(EXCERPT).collect(), str::to_owned);
            end.insert("excerpt".into(), excerpt.into());
            let pictures = reading_time::pictures(&body.body_html) + usize::from(cover.is_some());
            if !body.body_html.is_empty() {
                let minutes = reading_time::minutes(stored.word_count, pictures);
                end.insert("reading_time".into(), minutes.into());
            }
            if shown.html() {
                post.insert("html".into(), body.body_html.clone().into());
            }
            if shown.plaintext() {
                post.insert("plaintext".into(), plain.into());
            }
        }
        post.extend(members(json!({
            "comment_id": posts.ghost_ids.get(&id), "feature_image": text(cover.map(|cover| cover.url.as_str())),
            "featured": stored.featured, "visibility": stored.visibility, "created_at": context.time(*published_at),
            "updated_at": context.time(*updated_at), "published_at": context.time(*published_at),
            "custom_excerpt": text(custom_excerpt), "codeinjection_head": null, "codeinjection_foot": null,
            "custom_template": null, "canonical_url": text(seo.canonical_url.as_deref()), "url": joined.url,
        })));
        post.extend(end);
        post.insert("access".into(), access.into());
        post.insert("comments".into(), (access && posts.open.contains(&id)).into());
        if shown.kind == Kind::Page {
            post.insert("show_title_and_feature_image".into(), true.into());
        }
        post.extend(nulls(&CARDS));
        post.insert("meta_title".into(), text(seo.meta_title.as_deref()));
        post.insert("meta_description".into(), text(seo.meta_description.as_deref()));
        if shown.kind == Kind::Article {
            post.extend(nulls(&["email_subject"]));
        }
        post.extend(nulls(&["frontmatter"]));
        post.insert("feature_image_alt".into(), text(cover.map(|cover| cover.alt.as_str())));
        post.extend(nulls(&["feature_image_caption"]));
        let mut brought = Vec::new();
        if shown.includes("tags") {
            let tags = self.tags_of(article);
            let primary = tags.first().filter(|tag| !tag.internal).map(|tag| tag.draw(context));
            post.insert("tags".into(), tags.into_iter().map(|tag| Value::from(tag.draw(context))).collect());
            post.insert("primary_tag".into(), primary.map_or(Value::Null, Value::from));
            brought.extend(["tags", "primary_tag"]);
        }
        if shown.includes("authors") {
            let authors = joined.bylines.iter().filter_map(|byline| self.authors.get(&byline.id.to_string()));
            let authors: Vec<Value> = authors.map(|author| author.draw(context).into()).collect();
            post.insert("primary_author".into(), authors.first().cloned().unwrap_or_default());
            post.insert("authors".into(), authors.into());
            brought.extend(["authors", "primary_author"]);
        }
        if shown.includes("tiers") {
            post.insert("tiers".into(), json!([]));
            brought.push("tiers");
        }
        chosen(post, shown.fields.as_deref(), &brought)
    }

    /// Its categories, its tags, and the tags that readers do not see.
    fn tags_of(&self, article: &PublishedArticle) -> Vec<&Tag> {
        let ArticleSummary { id, joined, .. } = &article.summary;
        let categories = joined.categories.iter().map(|category| category.id.to_string());
        let tags = joined.tags.iter().map(|tag| tag.id.to_string());
        let internal = self.posts.internal.get(&id.to_string()).into_iter().flatten().cloned();
        categories.chain(tags).chain(internal).filter_map(|id| self.tags.get(&id)).collect()
    }
}
