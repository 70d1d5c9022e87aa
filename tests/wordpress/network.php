<?php
// What a test must change of WordPress, as a must-use plugin. Everything else is as it comes.

// WordPress asks no server of its own network and no unusual port. The tests' server is both.
add_filter(
	'http_request_host_is_external',
	fn( $is_external, $host ) => $is_external || parse_url( getenv( 'NETWORK_URL' ), PHP_URL_HOST ) === $host,
	10,
	2
);
add_filter(
	'http_allowed_safe_ports',
	fn( $ports ) => array( ...$ports, (int) parse_url( getenv( 'NETWORK_URL' ), PHP_URL_PORT ) )
);

// What WordPress asks the network is noted, for tests that ask the same.
add_filter(
	'oembed_fetch_url',
	function ( $url ) {
		file_put_contents( getenv( 'WORDPRESS_ASKED' ), $url );
		return $url;
	}
);

// Pages of this site load nothing from anybody else's.
add_filter( 'pre_option_show_avatars', fn() => '0' );
remove_action( 'wp_head', 'print_emoji_detection_script', 7 );
remove_action( 'admin_print_scripts', 'print_emoji_detection_script' );

// Nothing is mailed.
function wp_mail() {
	return true;
}
