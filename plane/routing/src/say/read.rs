//! What is said when a text of a route or an upstream cannot be read as what it should be.

homeostat_vocabulary::sentences! {
    of_route(name, what) =
        "route `{name}`: {what}",
        "ruta `{name}`: {what}";

    host_unreadable(host, why) =
        "the host {host} cannot be read: {why}",
        "el host {host} no se puede leer: {why}";
    write_host_or_star() =
        "write a name such as \"shop.example.org\" or \"*.example.org\"",
        "escriba un nombre como \"shop.example.org\" o \"*.example.org\"";
    host_star() =
        "a star stands only at the beginning, as in \"*.example.org\"",
        "un asterisco solo va al principio, como en \"*.example.org\"";
    host_brackets() =
        "an address in brackets is expected, as in \"[::1]\"",
        "se espera una dirección entre corchetes, como en \"[::1]\"";
    host_alone() =
        "a host is written without scheme and port",
        "un host se escribe sin esquema y sin puerto";
    host_letters() =
        "letters, digits, hyphens and dots are expected, as in \"shop.example.org\"",
        "se esperan letras, cifras, guiones y puntos, como en \"shop.example.org\"";

    path_beside_prefix() =
        "`path` and `path_prefix` exclude each other",
        "`path` y `path_prefix` se excluyen";
    take_path_or_prefix() =
        "take one of them out; `path = \"/a/{{rest..}}\"` takes what lies below `/a/`",
        "quite uno de los dos; `path = \"/a/{{rest..}}\"` toma lo que hay debajo de `/a/`";
    key_unreadable(key, why) =
        "`{key}` cannot be read: {why}",
        "`{key}` no se puede leer: {why}";
    write_path() =
        "write a path such as \"/cart\", \"/users/{{id}}\" or \"/files/{{rest..}}\"",
        "escriba un camino como \"/cart\", \"/users/{{id}}\" o \"/files/{{rest..}}\"";
    path_slash() =
        "a path begins with a slash",
        "un camino empieza con una barra";
    segments_most(most) =
        "{most} segments are the most",
        "{most} segmentos son el máximo";
    captures_most(most) =
        "{most} captures are the most",
        "{most} capturas son el máximo";
    captured_twice(name) =
        "`{name}` is captured twice",
        "`{name}` se captura dos veces";
    normal_is(normal) =
        "no request has this path after normalising; it would be `{normal}`",
        "ninguna petición tiene este camino tras normalizarlo; sería `{normal}`";
    normal_no_slash() =
        "the path does not begin with a slash",
        "el camino no empieza con una barra";
    normal_escape() =
        "a percent sign is not followed by two hexadecimal digits",
        "a un signo de porcentaje no le siguen dos cifras hexadecimales";
    normal_control() =
        "the path holds a zero byte, a control character or a space",
        "el camino contiene un byte cero, un carácter de control o un espacio";
    normal_above_root() =
        "the path climbs above the root",
        "el camino sube por encima de la raíz";
    normal_hidden_dots() =
        "a dot segment is hidden behind an escaped slash or a parameter",
        "un segmento de puntos se esconde tras una barra escapada o un parámetro";
    rest_at_end(segment) =
        "`{segment}` can only stand at the end",
        "`{segment}` solo puede ir al final";
    half_capture(segment) =
        "`{segment}` is neither a text nor a capture: a capture is a whole segment, as in `/{{name}}/`",
        "`{segment}` no es ni un texto ni una captura: una captura es un segmento entero, como en `/{{name}}/`";
    capture_name(name) =
        "`{name}` cannot name a capture: small letters, digits and underscores, first a letter",
        "`{name}` no puede nombrar una captura: minúsculas, cifras y guiones bajos, primero una letra";
    lone_brace() =
        "a brace has no other; a brace itself is written twice",
        "a una llave le falta la otra; la llave misma se escribe dos veces";
    catches_nothing(name) =
        "the route's path catches nothing, so `{{{name}}}` stands for nothing",
        "el camino de la ruta no capta nada, así que `{{{name}}}` no representa nada";
    catches_others(name, known) =
        "the route's path catches no `{name}`, only {known}",
        "el camino de la ruta no capta ningún `{name}`, solo {known}";
    name_captures() =
        "name in braces what the route's `path` catches, and write a brace itself twice",
        "nombre entre llaves lo que capta el `path` de la ruta y escriba dos veces la llave misma";
    path_not_normal(path) =
        "{path} is not a path in its normal form",
        "{path} no es un camino en su forma normal";
    write_new_path() =
        "write a path such as \"/new/{{rest}}\"",
        "escriba un camino como \"/new/{{rest}}\"";

    no_method(method) =
        "{method} is no method",
        "{method} no es ningún método";
    write_methods() =
        "write methods in capital letters, such as [\"GET\", \"POST\"]",
        "escriba los métodos en mayúsculas, como [\"GET\", \"POST\"]";
    value_unreadable(value, why) =
        "{value} cannot be read: {why}",
        "{value} no se puede leer: {why}";
    star_at_end() =
        "a star stands only at the end",
        "un asterisco solo va al final";
    write_value() =
        "write a value, its beginning and `*`, or `*`",
        "escriba un valor, su principio y `*`, o `*`";
    no_header_name(name) =
        "{name} cannot name a header",
        "{name} no puede nombrar una cabecera";
    write_header_name() =
        "write a name such as \"X-Colour\"",
        "escriba un nombre como \"X-Colour\"";
    header_value() =
        "the value holds what no header may",
        "el valor contiene lo que ninguna cabecera admite";
    write_printable() =
        "write printable letters on one line",
        "escriba letras imprimibles en una sola línea";
    header_of_connection(name) =
        "`{name}` belongs to the connection, and is not a route's to change",
        "`{name}` pertenece a la conexión y una ruta no la cambia";
    write_rewrite_host() =
        "write `rewrite.host` instead",
        "escriba `rewrite.host` en su lugar";
    no_host(host) =
        "{host} is not a host",
        "{host} no es un host";
    write_host() =
        "write a name such as \"shop.example.org\"",
        "escriba un nombre como \"shop.example.org\"";
    redirect_to_itself() =
        "the redirect leads to where it comes from",
        "la redirección lleva al lugar del que viene";
    say_elsewhere() =
        "say another `scheme`, `host` or `path`",
        "indique otro `scheme`, `host` o `path`";
    no_redirect(status) =
        "{status} sends nobody elsewhere",
        "{status} no envía a nadie a otro lugar";
    write_redirect() =
        "write 301, 302, 303, 307 or 308",
        "escriba 301, 302, 303, 307 o 308";
    no_status(status) =
        "{status} is no status of an answer",
        "{status} no es ningún estado de una respuesta";
    write_status() =
        "write 200 to 599",
        "escriba de 200 a 599";
    content_type() =
        "the type holds what no header may",
        "el tipo contiene lo que ninguna cabecera admite";
    write_type() =
        "write a type such as \"text/plain\"",
        "escriba un tipo como \"text/plain\"";

    actions(count, keys) =
        "it says what to do in {count} ways: {keys}",
        "dice de {count} maneras qué hacer: {keys}";
    keep_one() =
        "keep one of them",
        "deje una sola";
    no_action() =
        "it does not say what to do",
        "no dice qué hacer";
    add_action() =
        "add a line such as to = \"SERVICE\", or one of `split`, `redirect` and `respond`",
        "añada una línea como to = \"SERVICE\", o `split`, `redirect` o `respond`";
    no_weight() =
        "its weights are all 0",
        "todos sus pesos son 0";
    give_weight() =
        "give at least one upstream a weight above 0",
        "dé a un destino al menos un peso mayor que 0";
    cookie_name(name) =
        "{name} cannot name a cookie",
        "{name} no puede nombrar una cookie";
    write_cookie_name() =
        "use letters, digits and hyphens, as in \"cohort\"",
        "use letras, cifras y guiones, como en \"cohort\"";
    sticky_twice() =
        "`sticky` says twice how a client is known",
        "`sticky` dice dos veces cómo se conoce a un cliente";
    keep_cookie_or_header() =
        "keep `cookie` or `header`",
        "deje `cookie` o `header`";
    sticky_silent() =
        "`sticky` does not say how a client is known",
        "`sticky` no dice cómo se conoce a un cliente";
    write_sticky() =
        "write sticky = {{ cookie = {{}} }}, or a `header`",
        "escriba sticky = {{ cookie = {{}} }}, o un `header`";

    upstream_twice(name) =
        "upstream `{name}` says twice where it is",
        "el destino `{name}` dice dos veces dónde está";
    keep_one_source() =
        "keep one of `endpoints`, `dns` and `service`",
        "deje uno de `endpoints`, `dns` y `service`";
    dns_unreadable(name) =
        "`dns` of upstream `{name}` is no name with a port",
        "el `dns` del destino `{name}` no es un nombre con puerto";
    write_dns() =
        "write it as in \"api.internal:9001\"",
        "escríbalo como en \"api.internal:9001\"";
    endpoint_unreadable(endpoint, name) =
        "endpoint {endpoint} of upstream `{name}` is no address with a port",
        "el extremo {endpoint} del destino `{name}` no es una dirección con puerto";
    write_endpoint() =
        "write it as in \"127.0.0.1:9001\"; a name goes into `dns`",
        "escríbalo como en \"127.0.0.1:9001\"; un nombre va en `dns`";
}
