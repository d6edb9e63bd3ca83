<?php
// Installs WordPress and fills it with its own functions: each line that comes in is a call, as JSON: the function, its
// arguments, and the number that what it makes must get.
define('WP_INSTALLING', true);
// It would mail what it has done.
function wp_new_blog_notification()
{
}
require __DIR__ . '/config.php';
require_once ABSPATH . 'wp-admin/includes/upgrade.php';

wp_install('Untitled publication', 'bench', 'bench@example.org', true, '', 'secret');
$wp_rewrite->set_permalink_structure('/%postname%');
$wp_rewrite->flush_rules();
// What it comes with goes, so that numbers begin at 1.
$tables = ['posts', 'postmeta', 'comments', 'commentmeta', 'users', 'usermeta'];
foreach ([...$tables, 'terms', 'term_taxonomy', 'term_relationships'] as $table) {
    $wpdb->query('TRUNCATE ' . $wpdb->$table);
}
wp_cache_flush();

// As its importers do.
kses_remove_filters();
remove_action('publish_post', '_publish_post_hook', 5);
wp_suspend_cache_addition(true);
wp_defer_term_counting(true);
wp_defer_comment_counting(true);
for ($line = 0; $text = fgets(STDIN); $line++) {
    if ($line % 1000 === 0) {
        $wpdb->query($line ? 'COMMIT AND CHAIN' : 'BEGIN');
        wp_cache_flush();
    }
    [$function, $arguments, $number] = json_decode($text, true);
    $made = $function(...wp_slash($arguments));
    if ((int) (is_array($made) ? $made['term_id'] : $made) !== $number) {
        fwrite(STDERR, "not number $number: $text" . print_r($made, true));
        exit(1);
    }
}
wp_defer_term_counting(false);
wp_defer_comment_counting(false);
$wpdb->query('COMMIT');
foreach ($wpdb->tables() as $table) {
    $wpdb->query("ANALYZE TABLE $table");
}
