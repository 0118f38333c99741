//! What is said when settings can be read, and cannot be meant.

homeostat_vocabulary::sentences! {
    goes_nowhere(key, name) =
        "`{key}` of route `{name}` means nothing: its requests go nowhere",
        "`{key}` de la ruta `{name}` no sirve: sus peticiones no van a ningún lugar";
    take_out_or_add_to() =
        "take it out, or add `to`",
        "quítelo, o añada `to`";
    policies_twice(name) =
        "`resilience` of route `{name}` means nothing beside `policies_of`: it has those of the other route",
        "`resilience` de la ruta `{name}` no sirve junto a `policies_of`: tiene las de la otra ruta";
    take_one_out() =
        "take one of them out",
        "quite uno de los dos";
    sticky_without_split(name) =
        "`sticky` of route `{name}` means nothing without `split`",
        "`sticky` de la ruta `{name}` no sirve sin `split`";
    take_out_or_split() =
        "take it out, or write the shares as `split`",
        "quítelo, o escriba las partes como `split`";
    coalesce_beside_cache(name) =
        "`coalesce` of route `{name}` means nothing beside `cache`, which fetches once for all who ask",
        "`coalesce` de la ruta `{name}` no sirve junto a `cache`, que trae una sola vez para todos los que piden";
    take_out_or_keep_nothing() =
        "take it out, or keep nothing",
        "quítelo, o no guarde nada";
    stale_without_cache(name) =
        "route `{name}` falls back on kept answers, and keeps none",
        "la ruta `{name}` recurre a respuestas guardadas y no guarda ninguna";
    add_cache() =
        "add cache = {{}} to the route, or take `stale` out",
        "añada cache = {{}} a la ruta, o quite `stale`";
    cors_without_origin() =
        "`cors` names no origin",
        "`cors` no nombra ningún origen";
    add_origins() =
        "add origins = \"https://app.example.org\"",
        "añada origins = \"https://app.example.org\"";
    cors_with_star() =
        "every site could act in the name of whoever visits it: `credentials` with the origin \"*\"",
        "cualquier sitio podría actuar en nombre de quien lo visita: `credentials` con el origen \"*\"";
    name_origins() =
        "name the origins, or drop `credentials`",
        "nombre los orígenes, o quite `credentials`";
    only_for_services(key, name) =
        "`{key}` of upstream `{name}` is for services only",
        "`{key}` del destino `{name}` es solo para servicios";
    upstream_tls_half(name) =
        "TLS of upstream `{name}` has a `certificate` or a `key` and not both",
        "el TLS del destino `{name}` tiene `certificate` o `key`, y no los dos";
    add_other() =
        "add the other one",
        "añada el otro";
    lets_nobody_in(name) =
        "`gateway.auth.{name}` lets nobody in",
        "`gateway.auth.{name}` no deja entrar a nadie";
    add_jwt_or_keys() =
        "add `jwt` or `api_keys`",
        "añada `jwt` o `api_keys`";
    api_keys_without_file() =
        "`api_keys` names no file",
        "`api_keys` no nombra ningún archivo";
    keys_from_one_place() =
        "the keys come from one place: `jwks_file` or `jwks_url`",
        "las claves vienen de un solo lugar: `jwks_file` o `jwks_url`";
    write_one() =
        "write exactly one of them",
        "escriba exactamente uno de los dos";
    token_believed() =
        "a token is believed only of one issuer and for one audience",
        "un token solo se cree de un emisor y para un destinatario";
    add_issuer() =
        "add `issuer` and `audience`",
        "añada `issuer` y `audience`";
    no_signature() =
        "no signature is accepted",
        "no se acepta ninguna firma";
    name_algorithm() =
        "name one, such as \"ES256\"",
        "nombre una, como \"ES256\"";

    no_address(text) =
        "{text} is no address with a port",
        "{text} no es una dirección con puerto";
    write_listen() =
        "write it as in \"127.0.0.1:8080\" or \"[::1]:8080\"",
        "escríbala como en \"127.0.0.1:8080\" o \"[::1]:8080\"";
    reachable(address) =
        "{address} could be reached from other machines",
        "a {address} se podría llegar desde otras máquinas";
    write_public() =
        "write `public = true` under [gateway] if they may, or an address such as \"127.0.0.1:8080\"",
        "escriba `public = true` en [gateway] si se les permite, o una dirección como \"127.0.0.1:8080\"";
    two_listeners(address) =
        "two listeners want {address}",
        "dos escuchas quieren {address}";
    choose_port() =
        "choose another port",
        "elija otro puerto";
    listener_default(name) =
        "`{name}` is the name of the listener that `gateway.listen` brings",
        "`{name}` es el nombre de la escucha que trae `gateway.listen`";
    choose_name_or_drop_listen() =
        "choose another name, or drop `listen`",
        "elija otro nombre, o quite `listen`";
    proxy_believed_of_nobody() =
        "the PROXY protocol is believed of nobody: `gateway.trusted_hops` is empty",
        "el protocolo PROXY no se le cree a nadie: `gateway.trusted_hops` está vacío";
    add_balancer() =
        "add the balancer's address to `trusted_hops`, or drop `proxy_protocol`",
        "añada la dirección del balanceador a `trusted_hops`, o quite `proxy_protocol`";
    listener_tls_without(name, key) =
        "TLS of listener `{name}` has no `{key}`",
        "al TLS de la escucha `{name}` le falta `{key}`";
    add_file(key, file) =
        "add {key} = \"{file}\"",
        "añada {key} = \"{file}\"";
    further_certificate() =
        "a further certificate needs `certificate` and `key`",
        "un certificado adicional necesita `certificate` y `key`";
    add_missing() =
        "add what is missing",
        "añada lo que falta";
    no_authority() =
        "client certificates are asked for, and no authority is believed",
        "se piden certificados de cliente y no se cree a ninguna autoridad";

    no_name(name, section) =
        "{name} cannot name one of `gateway.{section}`",
        "{name} no puede nombrar a ninguno de `gateway.{section}`";
    write_name() =
        "use lower-case letters, digits and hyphens, first a letter, 63 at most, as in \"shop-api\"",
        "use minúsculas, cifras y guiones, primero una letra, 63 como mucho, como en \"shop-api\"";
    no_limit_name(name) =
        "{name} cannot name a rate limit",
        "{name} no puede nombrar un límite de peticiones";
    write_limit_name() =
        "use lower-case letters, digits and hyphens, as in \"each-client\"",
        "use minúsculas, cifras y guiones, como en \"each-client\"";

    no_client_key(per) =
        "{per} does not tell clients apart",
        "{per} no distingue a los clientes";
    write_client_key() =
        "write \"address\", \"header:NAME\", \"claim:NAME\" or \"everyone\"",
        "escriba \"address\", \"header:NAME\", \"claim:NAME\" o \"everyone\"";
    no_path(path) =
        "{path} is no path",
        "{path} no es un camino";
    write_health_path() =
        "write a path such as \"/healthz\"",
        "escriba un camino como \"/healthz\"";
    out_of_range(key, value) =
        "`{key}` is {value}, which is out of range",
        "`{key}` es {value}, que está fuera de los límites";
    possible(least, most) =
        "{least} to {most} is possible",
        "se admite de {least} a {most}";
    write_size(least, most) =
        "write a size from {least} to {most}",
        "escriba un tamaño de {least} a {most}";
    no_time(key) =
        "`{key}` leaves no time at all",
        "`{key}` no deja tiempo alguno";
    write_period() =
        "write a period such as \"5s\"",
        "escriba un periodo como \"5s\"";
    answer_beyond_memory() =
        "`answer_max` is more than `memory_max`, the room for all answers",
        "`answer_max` es más que `memory_max`, el espacio para todas las respuestas";
    lower_or_raise() =
        "lower it, or raise `memory_max`",
        "bájelo, o suba `memory_max`";
    no_hop(hop) =
        "{hop} is neither an address nor a network",
        "{hop} no es ni una dirección ni una red";
    write_hop() =
        "write it as in \"10.0.0.7\" or \"10.0.0.0/8\"",
        "escríbalo como en \"10.0.0.7\" o \"10.0.0.0/8\"";
}
