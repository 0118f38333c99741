//! What is said about the machine as the configuration finds it: programs, folders, files, and secrets that stand in the open.

homeostat_vocabulary::sentences! {
    no_folder(folder) =
        "the working folder {folder} does not exist",
        "la carpeta de trabajo {folder} no existe";
    create_or_correct() =
        "create it, or correct the path",
        "créela, o corrija la ruta";
    not_executable(file) =
        "the program {file} cannot be executed",
        "el programa {file} no se puede ejecutar";
    make_executable(file) =
        "make it executable: chmod +x {file}",
        "hágalo ejecutable: chmod +x {file}";
    no_program(program) =
        "the program {program} does not exist",
        "el programa {program} no existe";
    no_tilde() =
        "there is no shell that would expand ~; write the whole path",
        "no hay ningún shell que expanda ~; escriba la ruta entera";
    build_or_correct() =
        "build it, or correct the path",
        "compílelo, o corrija la ruta";
    not_in_path(program) =
        "the program `{program}` is not in PATH",
        "el programa `{program}` no está en PATH";
    in_working_folder(program) =
        "it stands in the working folder: write ./{program}",
        "está en la carpeta de trabajo: escriba ./{program}";
    install() =
        "install it, or write its whole path",
        "instálelo, o escriba su ruta entera";
    shell_syntax(path, word) =
        "`{path}` holds `{word}`, which only a shell would understand",
        "`{path}` contiene `{word}`, que solo un shell entendería";
    no_shell() =
        "there is no shell: write [\"sh\", \"-c\", \"...\"], and variables under environment",
        "no hay ningún shell: escriba [\"sh\", \"-c\", \"...\"], y las variables en environment";

    open_password() =
        "an address with a password stands in the open",
        "una dirección con contraseña está a la vista";
    open_flag(flag) =
        "the flag --{flag} is given a secret in the open, which every user of the machine can see",
        "la opción --{flag} recibe un secreto a la vista, que ve cualquier usuario de la máquina";
    open_address(variable) =
        "`{variable}` holds an address with a password in the open",
        "`{variable}` contiene una dirección con contraseña a la vista";
    open_secret(variable) =
        "`{variable}` looks like a secret, and stands in the open",
        "`{variable}` parece un secreto y está a la vista";
    refer_to_it(variable) =
        "refer to it: \"env:{variable}\" for a variable of the engine, \"file:PATH\" for a file; if it is no secret, write plain: before it",
        "refiérase a él: \"env:{variable}\" para una variable del motor, \"file:PATH\" para un archivo; si no es un secreto, escriba plain: delante";
    hand_over() =
        "hand it over as an environment variable: environment = {{ NAME = \"env:NAME\" }}",
        "entréguelo como variable de entorno: environment = {{ NAME = \"env:NAME\" }}";
    reference_nameless() =
        "the reference env: names no variable",
        "la referencia env: no nombra ninguna variable";
    write_reference() =
        "write \"env:NAME\"",
        "escriba \"env:NAME\"";
    variable_unset(name) =
        "the environment variable {name} is not set, in which a secret should be",
        "la variable de entorno {name}, en la que debería haber un secreto, no está definida";
    set_variable(name) =
        "set {name} where the engine is started",
        "defina {name} donde se arranca el motor";
    secret_unreadable(file, why) =
        "the secret cannot be read from {file}: {why}",
        "el secreto no se puede leer de {file}: {why}";
    create_secret() =
        "create it, make it readable to the engine, or correct the path",
        "créelo, permita que el motor lo lea, o corrija la ruta";
    is_no_file() = "it is no file", "no es un archivo";

    gateway_file_unreadable(file, why) =
        "the file {file} cannot be read: {why}",
        "el archivo {file} no se puede leer: {why}";
    put_there() =
        "put it there, or correct the path",
        "póngalo ahí, o corrija la ruta";
}
