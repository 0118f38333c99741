//! The words around problems: what they are counted in, and what a text that is no file is called.

homeostat_vocabulary::sentences! {
    advice() = "help", "ayuda";
    more(count) = "and {count} more", "y {count} más";
    no_problems() = "no problems", "ningún problema";
    one_error() = "1 error", "un error";
    errors(count) = "{count} errors", "{count} errores";
    one_warning() = "1 warning", "una advertencia";
    warnings(count) = "{count} warnings", "{count} advertencias";
    variable(name) = "environment variable {name}", "variable de entorno {name}";
}
