"""Sign-in elsewhere (OpenID Connect), and the signed tokens of issuers."""
