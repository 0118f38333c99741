# Varnish, for cached answers alone: it comes in front of other proxies' work, not beside it. @...@ is filled in.
vcl 4.1;

backend default {
    .host = "127.0.0.1";
    .port = "@BACKEND@";
}
