<?php
// WordPress's own index.php and wp-blog-header.php, with the benchmark's wp-config.php.
define('WP_USE_THEMES', true);
require_once __DIR__ . '/config.php';
wp();
require_once ABSPATH . WPINC . '/template-loader.php';
