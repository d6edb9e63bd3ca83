//! The publication itself, and what Ghost has beside content.

use serde_json::json;

use super::params::Params;
use super::shape::{ACCOUNTS, CARDS, members, nulls};
use super::wrong::Failure;
use super::{Answered, Context, VERSION, list};
use crate::delivery::Depends;

/// The identity of the one tier that there is.
const FREE_TIER: &str = "000000000000000000000001";

/// The settings.
pub(super) fn show(context: &Context) -> Answered {
    let settings = &context.settings;
    let url = settings.site_url.clone().unwrap_or_else(|| context.view.public_url.to_string());
    let mut whole = members(json!({
        "title": settings.name, "description": settings.description, "logo": null, "icon": null, "accent_color": null,
        "cover_image": null, "lang": settings.locale, "locale": settings.locale, "timezone": settings.timezone,
        "codeinjection_head": null, "codeinjection_foot": null, "navigation": [], "secondary_navigation": [],
        "meta_title": null, "meta_description": null,
    }));
    whole.extend(nulls(&ACCOUNTS));
    whole.extend(nulls(&CARDS));
    let more = members(json!({
        "members_support_address": null, "members_enabled": false, "members_signup_access": "none",
        "members_invite_only": false, "allow_self_signup": false, "paid_members_enabled": false,
        "donations_enabled": false, "firstpromoter_account": null, "portal_button": false, "portal_plans": [],
        "comments_enabled": "off", "recommendations_enabled": false, "outbound_link_tagging": false,
        "default_email_address": null, "support_email_address": null, "editor_default_email_recipients": "disabled",
        "labs": {}, "url": url, "version": VERSION,
    }));
    whole.extend(more);
    Answered::new(json!({"settings": whole, "meta": {}}), Depends::on_site())
}

/// Everything is for everyone: the one tier is free. Front ends look for it.
pub(super) fn tiers(params: &Params) -> Result<Answered, Failure> {
    let page = params.page()?;
    let tier = json!({
        "id": FREE_TIER, "name": "Free", "description": null, "slug": "free", "active": true, "type": "free",
        "welcome_page_url": null, "created_at": "2020-01-01T00:00:00.000Z", "updated_at": null, "visibility": "public",
        "benefits": [], "trial_days": 0,
    });
    Ok(Answered::new(list("tiers", &page.cut(vec![tier]), page, 1), Depends::on_site()))
}

/// A list of what there is none of.
pub(super) fn nothing(name: &str, params: &Params) -> Result<Answered, Failure> {
    Ok(Answered::new(list(name, &[], params.page()?, 0), Depends::on_site()))
}
