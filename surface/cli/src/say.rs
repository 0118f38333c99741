//! Everything that the command line says about its own errors, in every language: what is wrong, what was being done, and what to do.
//!
//! Said by [`crate::error`] and wherever an error is made. What the system or a library said is put in as it is.

homeostat_vocabulary::sentences! {
    label_help() = "help:", "ayuda:";
    label_page() = "page:", "página:";

    unreachable(socket) =
        "no engine answers at {socket}",
        "ningún motor responde en {socket}";
    unreachable_remedy() =
        "start one with `homeostat up`, or name its configuration with --config",
        "inicie uno con `homeostat up`, o indique su configuración con --config";
    silent(socket, reason) =
        "the engine at {socket} did not answer: {reason}",
        "el motor en {socket} no respondió: {reason}";
    silent_remedy() =
        "look at its log, and ask again; `homeostat why --last` works without it",
        "mire su registro y pregunte de nuevo; `homeostat why --last` funciona sin él";
    no_answer_within(seconds) =
        "no answer within {seconds} s",
        "ninguna respuesta en {seconds} s";
    unreadable_answer(path, reason) =
        "its answer to {path} cannot be read: {reason}",
        "su respuesta a {path} no se puede leer: {reason}";
    engine_answered(status) =
        "the engine answered {status}",
        "el motor respondió {status}";
    list_names() =
        "`homeostat status` lists the services, `homeostat why --last` the latest actions",
        "`homeostat status` muestra los servicios, `homeostat why --last` las últimas acciones";
    see_action() =
        "`homeostat why ACTION` shows how it stands",
        "`homeostat why ACCIÓN` muestra cómo está";
    engine_died(how, words) =
        "the engine ended before it answered ({how}); its last words:\n{words}",
        "el motor terminó antes de responder ({how}); sus últimas palabras:\n{words}";
    engine_died_remedy() =
        "start it with `homeostat up` to watch it",
        "inícielo con `homeostat up` para observarlo";
    took_too_long(what, seconds) =
        "{what} has taken more than {seconds} s",
        "{what} ha tardado más de {seconds} s";
    took_too_long_remedy() =
        "look at the engine's log; the command may be given again",
        "mire el registro del motor; la orden se puede dar de nuevo";
    start_of_engine() = "starting the engine", "el inicio del motor";
    end_of_engine() = "ending the engine", "el fin del motor";
    not_in_journal(of) =
        "the journal knows nothing of {of}",
        "el diario no sabe nada de {of}";
    not_in_journal_remedy() =
        "`homeostat episodes` lists what it knows",
        "`homeostat episodes` muestra lo que sabe";
    occupied(path) =
        "{path} exists already",
        "{path} ya existe";
    occupied_remedy() =
        "write over it with --force",
        "sobrescríbalo con --force";
    no_logs(of, folder) =
        "there are no logs of {of} in {folder}",
        "no hay registros de {of} en {folder}";
    no_logs_remedy() =
        "`homeostat status` lists the services and their instances",
        "`homeostat status` muestra los servicios y sus instancias";
    no_service(name) =
        "there is no service {name}",
        "no hay ningún servicio {name}";
    services_are(names) =
        "the configuration has {names}",
        "la configuración tiene {names}";
    no_gateway(socket, reason) =
        "no gateway answers at {socket}: {reason}",
        "ninguna pasarela responde en {socket}: {reason}";
    no_gateway_remedy() =
        "start one with `homeostat up` and a [gateway] section, or name its configuration with --config",
        "inicie una con `homeostat up` y una sección [gateway], o indique su configuración con --config";
    gateway_silent(reason) =
        "the gateway does not answer: {reason}",
        "la pasarela no responde: {reason}";
    gateway_answered(status, text) =
        "the gateway answered {status}: {text}",
        "la pasarela respondió {status}: {text}";
    no_route(name, names) =
        "there is no route `{name}`; the configuration has {names}",
        "no hay ninguna ruta `{name}`; la configuración tiene {names}";
    no_gateway_section() =
        "there is no section [gateway]",
        "no hay ninguna sección [gateway]";
    usage_remedy() =
        "`homeostat help` shows what can be typed",
        "`homeostat help` muestra lo que se puede escribir";
    reader_gone() = "the reader is gone", "el lector ya no está";

    failed(doing, reason) =
        "{doing} failed: {reason}",
        "no se pudo {doing}: {reason}";
    failed_remedy() =
        "see that the file is there and may be read and written",
        "compruebe que el archivo está ahí y se puede leer y escribir";
    reading(path) = "reading {path}", "leer {path}";
    writing(path) = "writing {path}", "escribir {path}";
    making(path) = "making {path}", "crear {path}";
    removing(path) = "removing {path}", "quitar {path}";
    writing_out() = "writing to standard output", "escribir en la salida estándar";
    reaching_engine(folder) = "reaching the engine in {folder}", "llegar al motor en {folder}";
    reaching_gateway(socket) = "reaching the gateway at {socket}", "llegar a la pasarela en {socket}";
    starting_engine(log) =
        "starting the engine, which logs to {log}",
        "iniciar el motor, con registro en {log}";
    starting_threads() = "starting the engine's threads", "iniciar los hilos del motor";
    watching_engine() = "watching the engine", "observar el motor";
    leaving_terminal() = "leaving the terminal", "dejar el terminal";

    // Of the journal, whose own words are English: a test compares.
    journal_locked(folder, pid) =
        "the journal in {folder} is in use by process {pid}; stop that one first, or choose another data folder",
        "el proceso {pid} usa el diario en {folder}; termínelo primero, o elija otra carpeta de datos";
    journal_locked_remedy() =
        "most likely an engine runs already: `homeostat status` shows it, `homeostat down` ends it",
        "seguramente ya hay un motor en marcha: `homeostat status` lo muestra, `homeostat down` lo termina";
    journal_unopened(folder, reason) =
        "the journal in {folder} cannot be opened: {reason}",
        "el diario en {folder} no se puede abrir: {reason}";
    journal_unopened_remedy() =
        "the journal is made at the first `homeostat up`; name the engine's configuration with --config",
        "el diario se crea con el primer `homeostat up`; indique la configuración del motor con --config";
    journal_format(found, known) =
        "the journal has format {found}, this program reads format {known}",
        "el diario tiene el formato {found}, este programa lee el formato {known}";
    journal_damaged(reason) =
        "the journal is damaged: {reason}; verifying it names the first broken record",
        "el diario está dañado: {reason}; verificarlo nombra el primer registro roto";
    journal_tail(acknowledged, found) =
        "the journal ends at record {found}, but records up to {acknowledged} were acknowledged; restore a backup",
        "el diario termina en el registro {found}, pero se confirmaron registros hasta el {acknowledged}; restaure una copia de seguridad";
    journal_failed(doing, reason) =
        "{doing} failed: {reason}",
        "el diario falló ({doing}): {reason}";
    journal_read_only(reason) =
        "the journal is read-only since an earlier failure: {reason}",
        "el diario es de solo lectura desde un fallo anterior: {reason}";
    journal_busy() =
        "another program holds the write lock of the journal's database",
        "otro programa retiene el bloqueo de escritura de la base de datos del diario";
    journal_occupied(folder) =
        "there is a journal in {folder} already; move it away or choose an empty folder",
        "ya hay un diario en {folder}; apártelo o elija una carpeta vacía";

    try_expected(what) =
        "{what}; a request is expected, as in --try \"GET http://shop.example.org/cart?x=1\"",
        "{what}; se espera una petición, como en --try \"GET http://shop.example.org/cart?x=1\"";
    try_nothing() =
        "nothing was asked for",
        "no se ha pedido nada";
    try_third(word) =
        "{word:?} comes after a method and an address",
        "{word:?} viene después de un método y una dirección";
    try_method(word) =
        "{word:?} is no method",
        "{word:?} no es un método";
    try_scheme(word, schemes) =
        "{word:?} is none of {schemes}",
        "{word:?} no es ninguno de {schemes}";
    try_host(word) =
        "{word:?} is no host",
        "{word:?} no es un host";
    try_path(path, reason) =
        "a gateway answers 400 to the path {path:?}: {reason}",
        "una pasarela responde 400 al camino {path:?}: {reason}";
    try_header(line) =
        "{line:?} is no header, as in \"X-Colour: blue\"",
        "{line:?} no es una cabecera, como en \"X-Colour: blue\"";
}
