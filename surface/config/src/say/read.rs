//! What is said when a file, a variable or a flag cannot be read, or a value has not the shape that its key asks for.

homeostat_vocabulary::sentences! {
    no_file(name, places) =
        "no {name} was found; looked for {places}",
        "no se encontró {name}; se buscó en {places}";
    write_or_name_file() =
        "write one with `homeostat init`, or name one with --config PATH",
        "escriba uno con `homeostat init`, o nombre uno con --config PATH";
    too_many_files(folder, most) =
        "{folder} has more than {most} files",
        "{folder} tiene más de {most} archivos";
    put_together() =
        "put several services in one file",
        "ponga varios servicios en un archivo";
    folder_unlisted(folder, why) =
        "the folder {folder} cannot be listed: {why}",
        "la carpeta {folder} no se puede listar: {why}";
    make_readable() =
        "make it readable, or remove it",
        "permita leerla, o bórrela";
    file_unreadable(file, why) =
        "{file} cannot be read: {why}",
        "{file} no se puede leer: {why}";
    check_path() =
        "check the path and its permissions, or write one with `homeostat init`",
        "compruebe la ruta y sus permisos, o escriba uno con `homeostat init`";
    too_large() =
        "it is larger than 1 MiB",
        "ocupa más de 1 MiB";
    split_file() =
        "split it into files of the folder conf.d",
        "repártalo en archivos de la carpeta conf.d";
    not_utf8() =
        "the file is not UTF-8 text",
        "el archivo no es texto UTF-8";
    save_as_utf8() =
        "save the file as UTF-8",
        "guarde el archivo como UTF-8";
    not_toml(why) =
        "the file is not valid TOML: {why}",
        "el archivo no es TOML válido; el lector de TOML dice: \"{why}\"";
    say_once() =
        "say it once; tables are opened once, and a key stands once in a table",
        "dígalo una vez; una tabla se abre una vez y una clave está una vez en su tabla";
    quote_text() =
        "texts stand in double quotes: key = \"text\"",
        "los textos van entre comillas dobles: key = \"text\"";
    see_page() =
        "see the page for how TOML is written",
        "la página explica cómo se escribe TOML";
    variable_without_key(name) =
        "the environment variable {name} names no key",
        "la variable de entorno {name} no nombra ninguna clave";
    write_variable() =
        "write it as HOMEOSTAT__SECTION__KEY, with two underscores",
        "escríbala como HOMEOSTAT__SECTION__KEY, con dos guiones bajos";
    flag_without_key(flag) =
        "the flag --set {flag} names no key and value",
        "la opción --set {flag} no nombra una clave y un valor";
    write_flag() =
        "write it as --set services.web.instances=2",
        "escríbala como --set services.web.instances=2";

    no_key(path, key) =
        "`{path}` has no `{key}`",
        "`{path}` no tiene `{key}`";
    add_line(line) =
        "add a line such as {line}",
        "añada una línea como {line}";
    unknown_key(key, table) =
        "unknown key `{key}` in {table}",
        "clave desconocida `{key}` en {table}";
    the_file() = "the file", "el archivo";
    did_you_mean_key(near) =
        "did you mean `{near}`?",
        "¿quería decir `{near}`?";
    did_you_mean(near) =
        "did you mean \"{near}\"?",
        "¿quería decir \"{near}\"?";
    table_knows(table, keys) =
        "{table} knows {keys}",
        "{table} conoce {keys}";
    is_no_number(path, number) =
        "`{path}` is {number}",
        "`{path}` es {number}";
    write_number() =
        "write a number such as 0.5",
        "escriba un número como 0.5";
    out_of_range(path, number) =
        "`{path}` is {number}, which is out of range",
        "`{path}` es {number}, que está fuera de los límites";
    write_number_within(least, most) =
        "write a number from {least} to {most}",
        "escriba un número de {least} a {most}";
    no_port_number(path, number) =
        "`{path}` is {number}, which is no port",
        "`{path}` es {number}, que no es un puerto";
    write_port() =
        "write a number from 1 to 65535, or \"auto\"",
        "escriba un número de 1 a 65535, o \"auto\"";
    no_choice(path) =
        "`{path}` does not know this value",
        "`{path}` no conoce este valor";
    choices_near(near, known) =
        "did you mean \"{near}\"? The choices are {known}",
        "¿quería decir \"{near}\"? Se puede elegir entre {known}";
    choices(known) =
        "the choices are {known}",
        "se puede elegir entre {known}";
    wrong_type(path, wanted, found) =
        "`{path}` must be {wanted}, and is {found}",
        "`{path}` debe ser {wanted} y es {found}";
    write(wanted) =
        "write {wanted}",
        "escriba {wanted}";
    write_as_in(wanted, line) =
        "write {wanted}, as in {line}",
        "escriba {wanted}, como en {line}";
    take_quotes_away() =
        "take the quotes away",
        "quite las comillas";
    write_unit(example) =
        "write the unit too, in quotes, as in \"{example}\"",
        "escriba también la unidad, entre comillas, como en \"{example}\"";
    unreadable_as(path, wanted, why) =
        "`{path}` cannot be read as {wanted}: {why}",
        "`{path}` no es {wanted}: {why}";
    write_command() =
        "write a list of words: [\"program\", \"argument\"]",
        "escriba una lista de palabras: [\"programa\", \"argumento\"]";
    zero_byte(path) =
        "`{path}` holds a zero byte, which no variable can",
        "`{path}` contiene un byte cero, que ninguna variable admite";
    take_it_out() = "take it out", "quítelo";
    unread_value() =
        "a value passed the check of its shape and could not be read",
        "un valor pasó la comprobación de su forma y no se pudo leer";
    please_report() =
        "please report this with the file",
        "le rogamos que informe de esto con el archivo";

    a_boolean() = "true or false", "true o false";
    a_whole_number() = "a whole number", "un número entero";
    a_number() = "a number", "un número";
    a_point_number() = "a number with a point", "un número con punto";
    a_large_number() = "a number too large", "un número demasiado grande";
    a_non_number() = "no number", "algo que no es un número";
    a_date() = "a date", "una fecha";
    a_text() = "text", "un texto";
    a_quoted_text() = "text in quotes", "un texto entre comillas";
    a_text_such_as(example) = "text such as \"{example}\"", "un texto como \"{example}\"";
    a_list() = "a list", "una lista";
    a_bracketed_list() = "a list in brackets", "una lista entre corchetes";
    a_list_of_texts() = "a list of texts, each in quotes", "una lista de textos, cada uno entre comillas";
    a_table() = "a table", "una tabla";
    a_period() = "a period such as \"10s\"", "un periodo como \"10s\"";
    a_size() = "a size such as \"512MiB\"", "un tamaño como \"512MiB\"";
    a_share() = "a share such as \"99.9%\"", "una parte como \"99.9%\"";
    a_command() = "a command", "una orden";
    words_or_text() =
        "a list of words such as [\"./server\", \"--port\", \"{{port}}\"], or one text",
        "una lista de palabras como [\"./server\", \"--port\", \"{{port}}\"], o un solo texto";
    auto_or_number() = "\"auto\" or a number", "\"auto\" o un número";

    holds_zero_byte() = "it holds a zero byte", "contiene un byte cero";
    list_empty() = "the list is empty", "la lista está vacía";
    program_nameless() = "the program's name is empty", "el nombre del programa está vacío";
    command_empty() = "the command is empty", "la orden está vacía";
    single_quote_open() = "a single quote is not closed", "una comilla simple no se cierra";
    double_quote_open() = "a double quote is not closed", "una comilla doble no se cierra";
    backslash_at_end() = "a backslash stands at the end", "hay una barra inversa al final";
}
