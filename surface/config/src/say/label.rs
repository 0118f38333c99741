//! The few words that stand at the place itself, below the underlined text.

homeostat_vocabulary::sentences! {
    at_here() = "here", "aquí";
    at_byte() = "this byte is not text", "este byte no es texto";
    at_missing(key) = "`{key}` is missing here", "aquí falta `{key}`";
    at_unknown_key() = "not a key of ours", "no es una clave nuestra";
    at_no_number() = "not a number that can be reckoned with", "no es un número con el que se pueda contar";
    at_out_of_range() = "out of range", "fuera de los límites";
    at_no_choice() = "not one of the choices", "no es una de las opciones";
    at_found(found) = "this is {found}", "esto es {found}";
    at_unreadable() = "cannot be read", "no se puede leer";
    at_zero_byte() = "a zero byte", "un byte cero";
    at_whole_file() = "in this file", "en este archivo";
    at_name() = "this name", "este nombre";
    at_address() = "this address", "esta dirección";
    at_model() = "this asks for one", "esto pide uno";
    at_scaling() = "only holds numbers within the bounds", "solo mantiene números dentro de los límites";
    at_no_services() = "nothing to look after", "nada que cuidar";
    at_too_short() = "too short", "demasiado corto";
    at_nothing() = "nothing", "nada";
    at_zero() = "zero", "cero";
    at_this() = "this", "esto";
    at_and_this() = "and this", "y esto";
    at_wanted_again() = "wanted again here", "pedido otra vez aquí";
    at_wanted_first() = "wanted first here", "pedido antes aquí";
    at_one_port() = "one port", "un puerto";
    at_instances() = "several instances", "varias instancias";
    at_no_service() = "no such service", "no existe ese servicio";
    at_waits(from, to) = "{from} waits for {to}", "{from} espera a {to}";
    at_placeholder(found) = "{{{found}}} is used here", "aquí se usa {{{found}}}";
    at_one() = "one", "una";
    at_another() = "another", "otra";
    at_not_asked() = "nothing is asked here", "aquí no se pregunta nada";
    at_unaskable() = "cannot be asked", "no se le puede preguntar";
    at_no_folder() = "no such folder", "no existe esa carpeta";
    at_program() = "this program", "este programa";
    at_passed_on() = "passed on as it is", "se pasa tal como está";
    at_hidden() = "not shown", "no se muestra";
    at_reference() = "this reference", "esta referencia";
    at_named() = "named here", "nombrado aquí";
}
