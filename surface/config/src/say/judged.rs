//! What is said when values can be read, and cannot be meant: names, numbers, ports, dependencies, placeholders, health checks.

homeostat_vocabulary::sentences! {
    engine_name() =
        "the engine's name cannot be used",
        "el nombre del motor no se puede usar";
    write_engine_name() =
        "write 1 to 63 printable letters",
        "escriba de 1 a 63 letras imprimibles";
    no_service_name(name) =
        "{name} cannot name a service",
        "{name} no puede nombrar un servicio";
    write_service_name() =
        "use lower-case letters, digits and hyphens, first a letter, 63 at most, as in \"web-api\"",
        "use minúsculas, cifras y guiones, primero una letra, 63 como mucho, como en \"web-api\"";
    gateway_name() =
        "a service cannot be called `gateway` beside a [gateway]",
        "un servicio no puede llamarse `gateway` junto a un [gateway]";
    call_otherwise() =
        "call it something else: this is the name of the gateway that [gateway] declares",
        "llámelo de otro modo: es el nombre de la pasarela que declara [gateway]";
    no_port_name(name) =
        "{name} cannot name a further port",
        "{name} no puede nombrar un puerto adicional";
    write_port_name() =
        "use lower-case letters, digits, hyphens and underscores; `port` itself stands outside of `ports`",
        "use minúsculas, cifras, guiones y guiones bajos; el propio `port` va fuera de `ports`";
    no_variable_name(name) =
        "{name} cannot name an environment variable",
        "{name} no puede nombrar una variable de entorno";
    write_variable_name() =
        "a variable's name is not empty and holds no equals sign",
        "el nombre de una variable no está vacío ni contiene un signo igual";

    api_reachable() =
        "`api.listen` could be reached from other machines",
        "a `api.listen` se podría llegar desde otras máquinas";
    api_unreadable() =
        "`api.listen` cannot be read as an address with a port",
        "`api.listen` no es una dirección con puerto";
    write_loopback() =
        "write an address of this machine alone, such as \"127.0.0.1:5000\"",
        "escriba una dirección solo de esta máquina, como \"127.0.0.1:5000\"";
    no_models() =
        "no model takes part in decisions yet",
        "todavía ningún modelo participa en las decisiones";
    unset_variable() =
        "nothing changes; unset the variable to be rid of this line",
        "nada cambia; quite la variable para no ver esta línea";
    set_false() =
        "set it to false, or leave it out",
        "póngalo en false, o no lo escriba";
    crossed(one, value, other, bound) =
        "`{one}` is {value}, and must be at most `{other}`, which is {bound}",
        "`{one}` es {value} y debe ser como mucho `{other}`, que es {bound}";
    crossed_strictly(one, value, other, bound) =
        "`{one}` is {value}, and must be below `{other}`, which is {bound}",
        "`{one}` es {value} y debe ser menos que `{other}`, que es {bound}";
    change_one(one, other) =
        "change `{one}` or `{other}`",
        "cambie `{one}` o `{other}`";
    no_scaling() =
        "instances are not scaled by load yet",
        "las instancias todavía no se ajustan a la carga";
    numbers_held(effect) =
        "declared numbers of instances are held within the bounds ({effect}); load changes nothing",
        "los números de instancias declarados se mantienen dentro de los límites ({effect}); la carga no cambia nada";
    none_outside() =
        "no service is outside of them now",
        "ningún servicio está ahora fuera de ellos";
    runs_instead(name, runs, declared) =
        "{name} runs {runs} instead of {declared}",
        "{name} tiene {runs} en vez de {declared}";
    no_services() =
        "no service is declared",
        "no hay ningún servicio declarado";
    add_service() =
        "add a table such as [services.web] with a command, or let `homeostat init` write one",
        "añada una tabla como [services.web] con una orden, o deje que `homeostat init` la escriba";
    check_overlaps(name, timeout, interval) =
        "the health check of `{name}` may take {timeout}, and is made every {interval}: the next would begin before",
        "la comprobación de salud de `{name}` puede durar {timeout} y se hace cada {interval}: la siguiente empezaría antes";
    rests_and_runs(name, idle) =
        "`{name}` rests after {idle} without a request, and is to run all the time",
        "`{name}` descansa tras {idle} sin peticiones y debe estar siempre en marcha";
    whole_seconds(path, time) =
        "`{path}` is {time}, and is counted in whole seconds",
        "`{path}` es {time} y se cuenta en segundos enteros";
    write_second() =
        "write \"1s\" or more",
        "escriba \"1s\" o más";
    nothing_at_all(path) =
        "`{path}` is nothing at all, with which no program can run",
        "`{path}` es nada en absoluto, y con eso ningún programa funciona";
    leave_out() =
        "leave it out for no limit",
        "no lo escriba si no quiere límite";
    no_length(path) =
        "`{path}` has no length",
        "`{path}` no dura nada";
    write_above_zero() =
        "write a period above zero",
        "escriba un periodo mayor que cero";

    port_taken(port, first, second) =
        "port {port} is wanted by `{first}` and by `{second}`",
        "el puerto {port} lo quieren `{first}` y `{second}`";
    choose_number() =
        "choose another number",
        "elija otro número";
    choose_number_or_auto() =
        "choose another number, or \"auto\"",
        "elija otro número, o \"auto\"";
    port_shared(count, name, port) =
        "{count} instances of `{name}` cannot share port {port}",
        "{count} instancias de `{name}` no pueden compartir el puerto {port}";
    write_auto() =
        "write \"auto\", or run one instance",
        "escriba \"auto\", o tenga una sola instancia";

    unknown_dependency(name, dependency) =
        "`{name}` depends on `{dependency}`, which is not declared",
        "`{name}` depende de `{dependency}`, que no está declarado";
    declare_dependency(dependency) =
        "declare it as [services.{dependency}], or take it out",
        "declárelo como [services.{dependency}], o quítelo";
    depends_on_itself(name) =
        "`{name}` depends on itself",
        "`{name}` depende de sí mismo";
    circle(services) =
        "services depend on each other in a circle: {services}",
        "los servicios dependen unos de otros en círculo: {services}";
    take_dependency_out() =
        "take one of these dependencies out",
        "quite una de estas dependencias";

    no_named_port(name, port) =
        "`{name}` declares no port `{port}`",
        "`{name}` no declara ningún puerto `{port}`";
    did_you_mean_port(near) =
        "did you mean {{port:{near}}}?",
        "¿quería decir {{port:{near}}}?";
    declare_named_port(port) =
        "declare it: ports = {{ {port} = \"auto\" }}",
        "declárelo: ports = {{ {port} = \"auto\" }}";
    no_own_port(name) =
        "`{name}` declares no `port`",
        "`{name}` no declara `port`";
    declare_own_port() =
        "declare it: port = \"auto\"",
        "declárelo: port = \"auto\"";
    no_placeholder(found) =
        "there is no placeholder {{{found}}}",
        "no existe el marcador {{{found}}}";
    did_you_mean_placeholder(near) =
        "did you mean {{{near}}}?",
        "¿quería decir {{{near}}}?";
    foreign_placeholder(found) =
        "{{{found}}} is no placeholder of ours, and is passed on as it stands",
        "{{{found}}} no es un marcador nuestro y se pasa tal como está";
    placeholders_are() =
        "the placeholders are {{port}}, {{port:NAME}}, {{instance}}, {{service}}, and {{run}} at a start",
        "los marcadores son {{port}}, {{port:NAME}}, {{instance}}, {{service}} y, en un arranque, {{run}}";

    too_many_questions(name, count) =
        "the health check of `{name}` asks {count} questions",
        "la comprobación de salud de `{name}` hace {count} preguntas";
    no_question(name) =
        "the health check of `{name}` does not say what to ask",
        "la comprobación de salud de `{name}` no dice qué preguntar";
    write_question() =
        "write exactly one of http = \"/health\", tcp = \"{{port}}\" and exec = [\"program\"]",
        "escriba exactamente uno de http = \"/health\", tcp = \"{{port}}\" y exec = [\"programa\"]";
    unaskable(path, why) =
        "`{path}` cannot be asked: {why}",
        "a `{path}` no se le puede preguntar: {why}";
    write_http() =
        "write \"http://127.0.0.1:{{port}}/health\", or only the path: \"/health\"",
        "escriba \"http://127.0.0.1:{{port}}/health\", o solo el camino: \"/health\"";
    write_tcp() =
        "write \"127.0.0.1:{{port}}\", or only the port: \"{{port}}\"",
        "escriba \"127.0.0.1:{{port}}\", o solo el puerto: \"{{port}}\"";
    no_https() =
        "https is not spoken; ask over http on this machine, or with exec and curl",
        "no se habla https; pregunte por http en esta máquina, o con exec y curl";
    no_scheme() =
        "it does not begin with http://",
        "no empieza por http://";
    bad_url_path() =
        "its path holds a space, a control letter or a hash sign",
        "su camino contiene un espacio, un carácter de control o una almohadilla";
    address_without_port() = "it has no port", "no tiene puerto";
    address_port() =
        "its port is no number from 1 to 65535",
        "su puerto no es un número de 1 a 65535";
    address_host() =
        "its host is no name and no address",
        "su host no es ni un nombre ni una dirección";
}
