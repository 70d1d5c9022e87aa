<?php
// Installs WordPress as its own installer does: `php install.php PASSWORD`. The administrator is
// "webmaster"; somebody who may write and no more is "author", with the same password.
define( 'WP_INSTALLING', true );
require __DIR__ . '/wp-load.php';
require ABSPATH . 'wp-admin/includes/upgrade.php';
wp_install( 'A member', 'webmaster', 'webmaster@member.test', true, '', $argv[1], 'en_US' );
wp_insert_user( array( 'user_login' => 'author', 'user_pass' => $argv[1], 'role' => 'author' ) );
