<?php
// The wp-config.php: WordPress as Debian installs it, on the benchmark's own database.
$origin = 'http://' . ($_SERVER['HTTP_HOST'] ?? 'localhost');
define('WP_HOME', $origin);
define('WP_SITEURL', $origin);
define('ABSPATH', '/usr/share/wordpress/');
define('WP_CONTENT_DIR', '/var/lib/wordpress/wp-content');
define('DB_NAME', 'wordpress');
define('DB_USER', 'root');
define('DB_PASSWORD', '');
define('DB_HOST', 'localhost:' . dirname(__DIR__) . '/mariadb.sock');
define('DB_CHARSET', 'utf8mb4');
$table_prefix = 'wp_';
foreach (['AUTH', 'SECURE_AUTH', 'LOGGED_IN', 'NONCE'] as $purpose) {
    define("{$purpose}_KEY", "the $purpose key of a made-up publication");
    define("{$purpose}_SALT", "the $purpose salt of a made-up publication");
}
// Requests are answered and nothing else is done, as where cron is the system's and updates are packages.
define('DISABLE_WP_CRON', true);
define('WP_HTTP_BLOCK_EXTERNAL', true);
define('AUTOMATIC_UPDATER_DISABLED', true);
require_once ABSPATH . 'wp-settings.php';
