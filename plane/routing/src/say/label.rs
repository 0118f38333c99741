//! What is said about names that are not declared and routes that are not reached, and the few words that stand at the place itself.

homeostat_vocabulary::sentences! {
    leads_to_unknown(name, target) =
        "route `{name}` leads to `{target}`, which is neither an upstream nor a service",
        "la ruta `{name}` lleva a `{target}`, que no es ni un destino ni un servicio";
    declare_target(target) =
        "declare it as [gateway.upstreams.{target}] or [services.{target}]",
        "declárelo como [gateway.upstreams.{target}] o [services.{target}]";
    shares_unknown(name, owner) =
        "route `{name}` shares the policies of `{owner}`, which is no route with policies of its own",
        "la ruta `{name}` comparte las políticas de `{owner}`, que no es una ruta con políticas propias";
    name_owner() =
        "name a route that has no `policies_of` itself",
        "nombre una ruta que no tenga ella misma `policies_of`";
    auth_unknown(name, auth) =
        "route `{name}` asks for `{auth}`, which is not declared",
        "la ruta `{name}` pide `{auth}`, que no está declarado";
    declare_auth(auth) =
        "declare it as [gateway.auth.{auth}]",
        "declárelo como [gateway.auth.{auth}]";
    nothing_in_common(name, owner) =
        "route `{name}` shares the policies of `{owner}`, but the two lead to no upstream in common",
        "la ruta `{name}` comparte las políticas de `{owner}`, pero las dos no llevan a ningún destino común";
    name_common() =
        "name a route that leads to the same upstream, or take `policies_of` out",
        "nombre una ruta que lleve al mismo destino, o quite `policies_of`";
    service_unknown(name, service) =
        "upstream `{name}` is the service `{service}`, which is not declared",
        "el destino `{name}` es el servicio `{service}`, que no está declarado";
    declare_service(service) =
        "declare it as [services.{service}]",
        "declárelo como [services.{service}]";
    upstream_nowhere(name) =
        "upstream `{name}` does not say where it is, and no service has its name",
        "el destino `{name}` no dice dónde está y ningún servicio se llama así";
    add_source() =
        "add endpoints = [\"ADDRESS:PORT\"], or `dns`, or `service`",
        "añada endpoints = [\"ADDRESS:PORT\"], o `dns`, o `service`";
    no_own_port(service) =
        "service `{service}` has no `port` that requests could go to",
        "el servicio `{service}` no tiene ningún `port` al que puedan ir peticiones";
    add_port(service) =
        "add port = \"auto\" under [services.{service}]",
        "añada port = \"auto\" en [services.{service}]";
    add_port_or_name(service, other) =
        "add port = \"auto\" under [services.{service}], or port = \"{other}\" under [gateway.upstreams.{service}]",
        "añada port = \"auto\" en [services.{service}], o port = \"{other}\" en [gateway.upstreams.{service}]";
    no_port(service, port) =
        "service `{service}` has no port `{port}`",
        "el servicio `{service}` no tiene ningún puerto `{port}`";
    add_further_port(service) =
        "add it under [services.{service}.ports], or choose one that is there",
        "añádalo en [services.{service}.ports], o elija uno de los que hay";
    shadowed(name, by) =
        "route `{name}` gets no request: `{by}` takes all of them",
        "la ruta `{name}` no recibe ninguna petición: `{by}` las toma todas";
    give_condition() =
        "give it another condition, a higher `precedence`, or take it out",
        "dele otra condición, un `precedence` mayor, o quítela";
    take_out() =
        "take it out",
        "quítelo";

    at_asked_first() =
        "this one is asked first, and takes no less",
        "a esta se le pregunta antes y no toma menos";
    at_unreadable() = "cannot be read", "no se puede leer";
    at_twice() = "says it twice", "lo dice dos veces";
    at_again() = "said again here", "dicho otra vez aquí";
    at_nowhere() = "leads nowhere", "no lleva a ningún lugar";
    at_nowhere_else() = "leads nowhere else", "no lleva a otro lugar";
    at_nobody() = "nobody gets a request", "nadie recibe peticiones";
    at_name() = "this name", "este nombre";
    at_silent() = "says nothing", "no dice nada";
    at_beside_path() = "beside `path`", "junto a `path`";
    at_not_to_change() = "not a route's to change", "una ruta no lo cambia";
    at_no_redirect() = "not a redirect", "no es una redirección";
    at_out_of_range() = "out of range", "fuera de los límites";
    at_no_time() = "no time", "sin tiempo";
    at_more_than_whole() = "more than the whole", "más que el total";
    at_undeclared() = "not declared", "no está declarado";
    at_no_route() = "no such route", "no existe esa ruta";
    at_nothing_shared() = "nothing to share", "nada que compartir";
    at_no_port() = "no such port", "no existe ese puerto";
    at_address() = "this address", "esta dirección";
    at_wanted_again() = "wanted again here", "pedido otra vez aquí";
    at_wanted_first() = "wanted first here", "pedido antes aquí";
    at_refused() = "every connection would be refused", "se rechazaría toda conexión";
    at_missing() = "missing here", "falta aquí";
    at_one_missing() = "one is missing", "falta uno";
    at_asked() = "asked for here", "se pide aquí";
    at_unreached() = "never reached", "nunca se alcanza";
    at_no_effect() = "without effect", "sin efecto";
    at_nothing_kept() = "nothing is kept", "no se guarda nada";
    at_no_star() = "not with \"*\"", "no con \"*\"";
    at_file_missing() = "the file is missing", "falta el archivo";
    at_keys() = "of the keys", "de las claves";
    at_empty() = "empty", "vacío";
}
