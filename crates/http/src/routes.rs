//! Every route, in one table: what is served is what is documented.

use std::collections::HashMap;
use std::sync::LazyLock;

use actix_web::http::Method;
use actix_web::web;
use utoipa::OpenApi;

/// Registers handlers with the server and with the OpenAPI document alike.
macro_rules! routes {
    ($(#[$doc:meta])* $document:ident, $configure:ident: $($($segment:ident)::+),* $(,)?) => {
        $(#[$doc])*
        #[derive(OpenApi)]
        #[openapi(paths($(crate::$($segment)::+),*))]
        pub(crate) struct $document;

        fn $configure(config: &mut web::ServiceConfig) {
            $(config.service(crate::$($segment)::+);)*
        }
    };
}

routes! {
    /// What is open to every origin: no credential is looked at. Routes are tried in this order: what is asked for most
    /// comes first.
    Open, open:
    // An address that ends so is not taken for a slug.
    markdown::get_article_markdown,
    reading::get_article,
    reading::list_articles,
    changes::list_changes,
    changes::stream_changes,
    comments::list_comments,
    comments::create_comment,
    bylines::list_bylines,
    bylines::get_byline,
    categories::list_categories,
    categories::get_category_tree,
    categories::get_category,
    health::check_health,
    explorer::get_openapi,
    feeds::get_feed,
    ghost::get_ghost,
    ghost::get_ghost_version,
    health::check_readiness,
    media::get_media,
    media::find_wordpress_file,
    media::find_ghost_file,
    subscriptions::get_sign_up_form,
    subscriptions::create_subscription,
    subscriptions::confirm_subscription,
    markdown::get_llms,
    resolve::resolve_path,
    search::search_articles,
    search::suggest_titles,
    site::get_site,
    sitemaps::get_robots,
    sitemaps::get_sitemap,
    sitemaps::get_sitemap_index,
    tags::list_tags,
    tags::get_tag,
    wordpress::create_wordpress_comment,
    wordpress::get_wordpress_index,
    wordpress::get_wordpress,
}

routes! {
    /// What wants a credential, or is for one of our own pages.
    Closed, closed:
    explorer::get_front_page,
    explorer::get_explorer,
    explorer::get_explorer_file,
    articles::create_article,
    articles::delete_article,
    articles::get_article_admin,
    articles::get_revision,
    articles::list_articles_admin,
    articles::list_revisions,
    articles::publish_article,
    articles::purge_article,
    articles::restore_article,
    articles::restore_revision,
    articles::schedule_article,
    articles::trash_article,
    articles::unpublish_article,
    articles::unschedule_article,
    articles::update_article,
    auth::create_session,
    auth::refresh_session,
    auth::delete_session,
    auth::list_sessions,
    auth::revoke_session,
    bylines::list_bylines_admin,
    bylines::create_byline,
    bylines::get_byline_admin,
    bylines::update_byline,
    bylines::delete_byline,
    categories::list_categories_admin,
    categories::create_category,
    categories::get_category_admin,
    categories::update_category,
    categories::delete_category,
    health::get_metrics,
    me::get_me,
    me::update_me,
    me::change_password,
    moderation::list_comments_admin,
    moderation::get_comment_admin,
    moderation::transition_comment,
    moderation::transition_comments,
    moderation::list_comment_events,
    problem::get_error_page,
    redirects::list_redirects,
    redirects::create_redirect,
    redirects::get_redirect,
    redirects::update_redirect,
    redirects::delete_redirect,
    site::get_settings,
    site::update_settings,
    newsletter_admin::get_newsletter_admin,
    newsletter_admin::replace_newsletter,
    issues::list_issues,
    issues::preview_issue,
    issues::get_issue,
    issues::list_deliveries,
    tags::list_tags_admin,
    tags::create_tag,
    tags::get_tag_admin,
    tags::update_tag,
    tags::delete_tag,
    users::list_users,
    users::create_user,
    users::get_user,
    users::update_user,
    users::delete_user,
    subscriptions::get_own_subscription,
    subscriptions::update_own_subscription,
    subscriptions::unsubscribe_own_subscription,
    subscriptions::resubscribe_own_subscription,
    subscription_pages::get_confirmation_page,
    subscription_pages::confirm_on_page,
    subscription_pages::get_objection_page,
    subscription_pages::object_on_page,
    subscription_pages::get_unsubscribe_page,
    subscription_pages::unsubscribe_on_page,
    subscribers::list_subscribers,
    subscribers::get_subscriber,
    subscribers::list_subscriber_consents,
    subscribers::unsubscribe_subscriber,
    subscribers::erase_subscriber,
}

routes! {
    /// Addresses that other systems gave to what is open to every origin; they end alike, and so come last.
    Old, old:
    feeds::get_wordpress_feed,
    feeds::get_wordpress_feed_as,
    feeds::get_wordpress_feed_of,
    feeds::get_wordpress_feed_of_as,
    feeds::get_ghost_feed,
    feeds::get_ghost_feed_of,
}

/// Registers every route.
pub(crate) fn configure(config: &mut web::ServiceConfig) {
    open(config);
    closed(config);
    old(config);
}

/// A documented operation: its method, the pattern of its path, and whether it is open to every origin.
struct Operation {
    method: Method,
    path: String,
    resource: actix_web::dev::ResourceDef,
    open: bool,
}

static OPERATIONS: LazyLock<Vec<Operation>> = LazyLock::new(|| {
    let mut operations = Vec::new();
    for (document, open) in [(Open::openapi(), true), (Closed::openapi(), false), (Old::openapi(), true)] {
        for (path, item) in document.paths.paths {
            let methods = [
                (Method::GET, item.get.is_some()),
                (Method::POST, item.post.is_some()),
                (Method::PUT, item.put.is_some()),
                (Method::PATCH, item.patch.is_some()),
                (Method::DELETE, item.delete.is_some()),
            ];
            for (method, _) in methods.into_iter().filter(|(_, there)| *there) {
                let resource = actix_web::dev::ResourceDef::new(routed(&path));
                operations.push(Operation { method, path: path.clone(), resource, open });
            }
        }
    }
    operations
});

/// The methods that an address takes, each with whether it is open to every origin; empty if there is no such address.
pub(crate) fn methods_at(path: &str) -> Vec<(Method, bool)> {
    let mut methods: Vec<(Method, bool)> = Vec::new();
    for operation in OPERATIONS.iter().filter(|operation| operation.resource.is_match(path)) {
        // The patterns of `/v1/categories/tree` and of `/v1/categories/{path}` both match the former.
        if methods.iter().all(|(method, _)| *method != operation.method) {
            methods.push((operation.method.clone(), operation.open));
        }
    }
    if let Some((_, open)) = methods.iter().find(|(method, _)| method == Method::GET) {
        methods.push((Method::HEAD, *open));
    }
    if let Some((_, open)) = methods.first() {
        methods.push((Method::OPTIONS, *open));
    }
    methods
}

/// The operations that are open to every origin, by the patterns of their routes.
static PUBLIC: LazyLock<HashMap<String, Vec<Method>>> = LazyLock::new(|| {
    let mut public = HashMap::<String, Vec<Method>>::new();
    for operation in OPERATIONS.iter().filter(|operation| operation.open) {
        public.entry(routed(&operation.path)).or_default().push(operation.method.clone());
    }
    public
});

/// The pattern that a route has for a documented path: a category's path has slashes in it.
fn routed(path: &str) -> String {
    path.replace("{path}", "{path:.*}")
}

/// Whether the operation at the pattern of a route is open to every origin.
pub(crate) fn is_public(method: &Method, pattern: &str) -> bool {
    PUBLIC.get(pattern).is_some_and(|methods| methods.contains(method))
}
