//! The tables, as both engines have them. `tests/migrations.rs` holds the two sets of migrations equal.

diesel::table! {
    site (id) {
        id -> SmallInt,
        version -> BigInt,
        settings -> Text,
        updated_at -> BigInt,
    }
}

diesel::table! {
    users (id) {
        id -> Text,
        email -> Text,
        email_key -> Text,
        name -> Text,
        role -> Text,
        password_hash -> Text,
        disabled -> Bool,
        version -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

diesel::table! {
    sessions (id) {
        id -> Text,
        user_id -> Text,
        user_agent -> Nullable<Text>,
        created_at -> BigInt,
        last_used_at -> BigInt,
        expires_at -> BigInt,
        ended_at -> Nullable<BigInt>,
        ended_because -> Nullable<Text>,
    }
}

diesel::table! {
    refresh_tokens (hash) {
        hash -> Text,
        session_id -> Text,
        created_at -> BigInt,
        expires_at -> BigInt,
        used_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    audit (id) {
        id -> Text,
        at -> BigInt,
        actor_id -> Nullable<Text>,
        actor_name -> Text,
        action -> Text,
        resource -> Text,
        resource_id -> Nullable<Text>,
        detail -> Nullable<Text>,
    }
}

diesel::table! {
    idempotency_keys (caller, key) {
        caller -> Text,
        key -> Text,
        fingerprint -> Text,
        status -> Integer,
        headers -> Text,
        body -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    attempts (key, since) {
        key -> Text,
        since -> BigInt,
        count -> BigInt,
    }
}

diesel::table! {
    categories (id) {
        id -> Text,
        parent_id -> Nullable<Text>,
        slug -> Text,
        path -> Text,
        depth -> Integer,
        position -> Integer,
        name -> Text,
        description -> Nullable<Text>,
        version -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

diesel::table! {
    tags (id) {
        id -> Text,
        slug -> Text,
        name -> Text,
        description -> Nullable<Text>,
        version -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
        internal -> Bool,
    }
}

diesel::table! {
    bylines (id) {
        id -> Text,
        slug -> Text,
        name -> Text,
        bio -> Nullable<Text>,
        avatar_url -> Nullable<Text>,
        website -> Nullable<Text>,
        version -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

diesel::table! {
    old_slugs (kind, slug) {
        kind -> Text,
        slug -> Text,
        target_id -> Text,
        since -> BigInt,
    }
}

diesel::table! {
    articles (id) {
        id -> Text,
        kind -> Text,
        group_id -> Text,
        locale -> Text,
        state -> Text,
        version -> BigInt,
        revision -> BigInt,
        published_revision -> Nullable<BigInt>,
        scheduled_revision -> Nullable<BigInt>,
        publish_at -> Nullable<BigInt>,
        published_at -> Nullable<BigInt>,
        first_public_at -> Nullable<BigInt>,
        newsletter_eligible -> Bool,
        comments_open -> Bool,
        owner_id -> Nullable<Text>,
        slug -> Text,
        title -> Text,
        created_at -> BigInt,
        updated_at -> BigInt,
        updated_by -> Text,
        parent_id -> Nullable<Text>,
    }
}

diesel::table! {
    revisions (article_id, number) {
        article_id -> Text,
        number -> BigInt,
        content -> Text,
        title -> Text,
        author_id -> Nullable<Text>,
        author_name -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    article_slugs (locale, slug) {
        locale -> Text,
        slug -> Text,
        article_id -> Text,
        was_public -> Bool,
    }
}

diesel::table! {
    published_articles (article_id, revision) {
        article_id -> Text,
        revision -> BigInt,
        kind -> Text,
        group_id -> Text,
        locale -> Text,
        slug -> Text,
        visible_from -> BigInt,
        visible_until -> BigInt,
        published_at -> BigInt,
        updated_at -> BigInt,
        comments_open -> Bool,
        summary -> Text,
        body -> Text,
        search_id -> Nullable<BigInt>,
        parent_id -> Nullable<Text>,
    }
}

diesel::table! {
    published_in (scope, scope_id, article_id, revision) {
        scope -> Text,
        scope_id -> Text,
        article_id -> Text,
        revision -> BigInt,
        kind -> Text,
        locale -> Text,
        visible_from -> BigInt,
        visible_until -> BigInt,
        published_at -> BigInt,
    }
}

diesel::table! {
    published_slugs (locale, slug) {
        locale -> Text,
        slug -> Text,
        article_id -> Text,
        since -> BigInt,
        gone -> Bool,
    }
}

diesel::table! {
    change_log (id) {
        id -> SmallInt,
        log_id -> Text,
        gone -> BigInt,
    }
}

diesel::table! {
    changes (seq) {
        seq -> BigInt,
        at -> BigInt,
        op -> Text,
        resource -> Text,
        resource_id -> Text,
        slug -> Nullable<Text>,
        locale -> Nullable<Text>,
        keys -> Text,
    }
}

diesel::table! {
    wordpress_ids (family, number) {
        family -> Text,
        number -> BigInt,
        resource -> Text,
        id -> Text,
    }
}

diesel::table! {
    ghost_ids (kind, ghost_id) {
        kind -> Text,
        ghost_id -> Text,
        id -> Text,
    }
}

diesel::table! {
    comments (id) {
        id -> Text,
        article_id -> Text,
        parent_id -> Nullable<Text>,
        root_id -> Text,
        depth -> Integer,
        state -> Text,
        previous_state -> Nullable<Text>,
        version -> BigInt,
        author_name -> Text,
        author_email -> Text,
        email_hmac -> Text,
        author_url -> Nullable<Text>,
        source -> Text,
        html -> Text,
        text -> Text,
        text_hash -> Text,
        hold_reasons -> Text,
        trace -> Text,
        notify_replies -> Bool,
        subscribe_weekly -> Bool,
        ip_prefix -> Nullable<Text>,
        user_agent -> Nullable<Text>,
        created_at -> BigInt,
        decided_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    comment_events (id) {
        id -> Text,
        comment_id -> Text,
        version -> BigInt,
        actor_id -> Nullable<Text>,
        actor_name -> Text,
        from_state -> Nullable<Text>,
        to_state -> Text,
        reason_code -> Nullable<Text>,
        note -> Nullable<Text>,
        at -> BigInt,
    }
}

diesel::table! {
    published_comments (id) {
        id -> Text,
        article_id -> Text,
        parent_id -> Nullable<Text>,
        root_id -> Text,
        depth -> Integer,
        tombstone -> Bool,
        author_name -> Text,
        author_url -> Nullable<Text>,
        author_role -> Text,
        avatar_seed -> Text,
        html -> Text,
        text -> Text,
        created_at -> BigInt,
        edited_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    newsletters (id) {
        id -> Text,
        version -> BigInt,
        settings -> Text,
        created_at -> BigInt,
        updated_at -> BigInt,
        schedule_since -> BigInt,
    }
}

diesel::table! {
    subscribers (id) {
        id -> Text,
        newsletter_id -> Text,
        email -> Text,
        email_hmac -> Text,
        state -> Text,
        all_categories -> Bool,
        frequency -> Text,
        format -> Text,
        locale -> Nullable<Text>,
        timezone -> Nullable<Text>,
        send_hour -> Nullable<Integer>,
        paused_until -> Nullable<BigInt>,
        token_epoch -> BigInt,
        version -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
        confirmed_at -> Nullable<BigInt>,
        unsubscribed_at -> Nullable<BigInt>,
        unsubscribed_by -> Nullable<Text>,
    }
}

diesel::table! {
    subscriber_categories (subscriber_id, category_id) {
        subscriber_id -> Text,
        category_id -> Text,
    }
}

diesel::table! {
    subscription_tokens (hash) {
        hash -> Text,
        subscriber_id -> Text,
        purpose -> Text,
        request -> Nullable<Text>,
        token_epoch -> BigInt,
        created_at -> BigInt,
        expires_at -> BigInt,
        used_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    consent_texts (sha256) {
        sha256 -> Text,
        version -> Text,
        locale -> Text,
        text -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    consent_events (id) {
        id -> Text,
        subscriber_id -> Text,
        email_hmac -> Text,
        kind -> Text,
        at -> BigInt,
        source -> Nullable<Text>,
        consent_text_sha256 -> Nullable<Text>,
        categories -> Nullable<Text>,
        ip_prefix -> Nullable<Text>,
        user_agent -> Nullable<Text>,
        actor_name -> Nullable<Text>,
    }
}

diesel::table! {
    suppressions (email_hmac) {
        email_hmac -> Text,
        reason -> Text,
        since -> BigInt,
        evidence -> Nullable<Text>,
    }
}

diesel::table! {
    issues (id) {
        id -> Text,
        newsletter_id -> Text,
        frequency -> Text,
        period -> Text,
        state -> Text,
        version -> BigInt,
        due_at -> BigInt,
        cutoff -> BigInt,
        audience_count -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
        sent_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    issue_items (issue_id, position) {
        issue_id -> Text,
        position -> Integer,
        article_id -> Text,
        title -> Text,
        excerpt -> Text,
        url -> Text,
        category -> Nullable<Text>,
        author -> Nullable<Text>,
        category_ids -> Text,
        locale -> Text,
    }
}

diesel::table! {
    digest_items (newsletter_id, frequency, article_id) {
        newsletter_id -> Text,
        frequency -> Text,
        article_id -> Text,
        issue_id -> Text,
    }
}

diesel::table! {
    deliveries (id) {
        id -> Text,
        issue_id -> Text,
        subscriber_id -> Text,
        state -> Text,
        code -> Nullable<Text>,
        attempt -> Integer,
        not_before -> BigInt,
        worker -> Nullable<Text>,
        lease_until -> Nullable<BigInt>,
        queue_id -> Nullable<Text>,
        created_at -> BigInt,
        updated_at -> BigInt,
        accepted_at -> Nullable<BigInt>,
        bounced_at -> Nullable<BigInt>,
        complained_at -> Nullable<BigInt>,
        unsubscribed_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    messages (id) {
        id -> Text,
        kind -> Text,
        subscriber_id -> Nullable<Text>,
        payload -> Text,
        state -> Text,
        attempt -> Integer,
        not_before -> BigInt,
        lease_until -> Nullable<BigInt>,
        last_error -> Nullable<Text>,
        created_at -> BigInt,
    }
}

diesel::table! {
    media (id) {
        id -> Text,
        sha256 -> Text,
        name -> Text,
        content_type -> Text,
        size -> BigInt,
        width -> Nullable<Integer>,
        height -> Nullable<Integer>,
        title -> Text,
        alt -> Text,
        caption -> Text,
        credit -> Text,
        source_url -> Nullable<Text>,
        version -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
        article_id -> Nullable<Text>,
    }
}

diesel::table! {
    media_paths (path) {
        path -> Text,
        media_id -> Text,
    }
}

diesel::joinable!(media_paths -> media (media_id));
diesel::joinable!(sessions -> users (user_id));
diesel::joinable!(refresh_tokens -> sessions (session_id));
diesel::joinable!(subscriber_categories -> categories (category_id));
diesel::joinable!(subscriber_categories -> subscribers (subscriber_id));
diesel::joinable!(messages -> subscribers (subscriber_id));
diesel::joinable!(deliveries -> subscribers (subscriber_id));

diesel::table! {
    redirects (id) {
        id -> Text,
        pattern -> Bool,
        source -> Text,
        target -> Nullable<Text>,
        note -> Nullable<Text>,
        version -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

diesel::table! {
    old_shapes (kind, shape) {
        kind -> Text,
        shape -> Text,
        since -> BigInt,
    }
}

diesel::table! {
    gone_names (kind, name) {
        kind -> Text,
        name -> Text,
        since -> BigInt,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    site,
    users,
    sessions,
    refresh_tokens,
    audit,
    idempotency_keys,
    categories,
    tags,
    bylines,
    old_slugs,
    articles,
    revisions,
    article_slugs,
    published_articles,
    published_in,
    published_slugs,
    changes,
    comments,
    comment_events,
    published_comments,
    newsletters,
    subscribers,
    subscriber_categories,
    subscription_tokens,
    consent_texts,
    consent_events,
    suppressions,
    issues,
    issue_items,
    digest_items,
    deliveries,
    messages,
    redirects,
    old_shapes,
    gone_names,
    media,
    media_paths,
    wordpress_ids,
    ghost_ids,
);
