//! Media: the files that moved in.

use persistence::Conn;
use persistence::changes::Window;
use persistence::wordpress::{self, File, FileQuery, PostOrder};
use serde_json::{Value, json};

use super::params::Params;
use super::shape::{embeddable, escaped, link, own};
use super::wrong::{Failure, Wrong};
use super::{Answered, Context, Counted, posts, slice};
use crate::delivery::Depends;

/// What every answer that shows a file depends on, beside what the file belongs to.
pub(super) const FILES: &str = "list:media";

const ORDERS: [&str; 10] =
    ["author", "date", "id", "include", "modified", "parent", "relevance", "slug", "include_slugs", "title"];
const KINDS: [&str; 5] = ["image", "video", "text", "application", "audio"];

/// A page of files.
pub(super) fn list(conn: &mut Conn, context: &Context, mut params: Params) -> Result<Answered, Failure> {
    let (slice, page) = slice(&mut params);
    let embedded = params.embedded("posts in this post type")?;
    params.refuse_other_states(&["inherit"]);
    let orderby = params.choice("orderby", &ORDERS, "date");
    let settings = &context.settings;
    let kinds = params.choices("media_type", &KINDS).map(|kinds| kinds.iter().map(|kind| format!("{kind}/")).collect());
    let query = FileQuery {
        search: params.text("search").filter(|text| !text.trim().is_empty()).map(str::to_owned),
        after: params.time("after", settings).max(params.time("modified_after", settings)),
        before: [params.time("before", settings), params.time("modified_before", settings)].into_iter().flatten().min(),
        include: params.numbers("include").filter(|list| !list.is_empty()),
        exclude: params.numbers("exclude").unwrap_or_default(),
        slugs: params.texts("slug").filter(|list| !list.is_empty()),
        parents: params.numbers("parent").filter(|list| !list.is_empty()),
        parents_exclude: params.numbers("parent_exclude").unwrap_or_default(),
        types: params.texts("mime_type").filter(|list| !list.is_empty()).or(kinds),
        order: match orderby {
            "id" => PostOrder::Number,
            "slug" => PostOrder::Slug,
            "title" => PostOrder::Title,
            "include" => PostOrder::Include,
            "include_slugs" => PostOrder::IncludeSlugs,
            _ => PostOrder::Date,
        },
        ascending: params.choice("order", &["asc", "desc"], "desc") == "asc",
    };
    // Nobody is known to have uploaded them.
    let by_others = params.numbers("author").is_some_and(|authors| !authors.is_empty() && !authors.contains(&0));
    params.finish()?;
    let (files, total) =
        if by_others { (Vec::new(), 0) } else { wordpress::files(conn, &query, slice, context.view.now)? };
    let counted = Counted { total, per_page: slice.limit, page };
    counted.refuse_beyond(&params)?;
    let drawn: Vec<Value> = files.iter().map(|file| draw(context, file, embedded)).collect();
    Ok(Answered::new(drawn.into(), depends(context)).counted(counted))
}

/// One file.
pub(super) fn show(conn: &mut Conn, context: &Context, mut params: Params, number: i64) -> Result<Answered, Failure> {
    let embedded = params.embedded("this post")?;
    params.finish()?;
    let query = FileQuery { include: Some(vec![number]), ..FileQuery::default() };
    let only = wordpress::Slice { offset: 0, limit: 1 };
    let (files, _) = wordpress::files(conn, &query, only, context.view.now)?;
    let Some(file) = files.first() else {
        return Err(Wrong::not_found("rest_post_invalid_id", "Invalid post ID.").into());
    };
    Ok(Answered::new(draw(context, file, embedded), depends(context)))
}

/// Files are listed as long as what they belong to is public.
fn depends(context: &Context) -> Depends {
    // Of any language: a file has none.
    let all = |pages| Window { locale: None, ..posts::everything(context, pages) };
    Depends::on([FILES.to_owned()]).and_list(all(false)).and_list(all(true))
}

/// A file, whole or as it is embedded.
pub(super) fn draw(context: &Context, file: &File, embedded: bool) -> Value {
    let (number, media) = (file.number, &file.media);
    let (date, date_gmt) = context.times(media.created_at);
    let url = format!("{}{}", context.view.public_url.as_str().trim_end_matches('/'), media.path());
    let title = json!({"rendered": escaped(if media.title.is_empty() { &media.name } else { &media.title })});
    let paragraph = |text: &str| if text.is_empty() { String::new() } else { format!("<p>{}</p>\n", escaped(text)) };
    let caption = json!({"rendered": paragraph(&media.caption)});
    let is_image = media.content_type.starts_with("image/");
    let details = if is_image {
        let (width, height) = (media.width.unwrap_or(0), media.height.unwrap_or(0));
        json!({
            "width": width, "height": height, "file": below_uploads(file), "filesize": media.size,
            "sizes": {"full": {
                "file": media.name, "width": width, "height": height, "mime_type": media.content_type, "source_url": url,
            }},
            "image_meta": {},
        })
    } else {
        json!({"filesize": media.size, "sizes": {}})
    };
    let kind = if is_image { "image" } else { "file" };
    let links = json!({
        "self": own(&context.at(&format!("media/{number}"))),
        "collection": link(&context.at("media")),
        "about": link(&context.at("types/attachment")),
        "replies": embeddable(&context.at(&format!("comments?post={number}"))),
    });
    if embedded {
        return json!({
            "id": number, "date": date, "slug": file.slug(), "type": "attachment", "link": url, "title": title,
            "author": 0, "featured_media": 0, "caption": caption, "alt_text": media.alt, "media_type": kind,
            "mime_type": media.content_type, "media_details": details, "source_url": url, "_links": links,
        });
    }
    json!({
        "id": number, "date": date, "date_gmt": date_gmt,
        "guid": {"rendered": media.source_url.as_deref().unwrap_or(&url)},
        "modified": date, "modified_gmt": date_gmt, "slug": file.slug(), "status": "inherit", "type": "attachment",
        "link": url, "title": title, "author": 0, "featured_media": 0, "comment_status": "closed",
        "ping_status": "closed", "template": "", "meta": [],
        "class_list": [format!("post-{number}"), "attachment", "type-attachment", "status-inherit", "hentry"],
        "description": {"rendered": ""}, "caption": caption, "alt_text": media.alt, "media_type": kind,
        "mime_type": media.content_type, "media_details": details, "post": file.post, "source_url": url,
        "_links": links,
    })
}

/// Where the file lay below the folder of uploads.
fn below_uploads(file: &File) -> &str {
    let old = file.media.source_url.as_deref().and_then(|old| old.split_once("/wp-content/uploads/"));
    old.map_or(&file.media.name, |(_, path)| path)
}
