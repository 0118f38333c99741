//! Why a period, a size or a share cannot be read. Used by [`quantity`](crate::quantity) alone.

crate::sentences! {
    number_and_unit(example) =
        "a number and a unit are expected, as in \"{example}\"",
        "se espera un número y una unidad, como en \"{example}\"";
    unit_missing(known) =
        "the unit is missing: {known} are known",
        "falta la unidad: se conocen {known}";
    unit_unknown(known) =
        "the units are {known}",
        "las unidades son {known}";
    units_of_periods() =
        "ms, s, min, h and d",
        "ms, s, min, h y d";
    units_of_sizes() =
        "B, KiB, MiB, GiB, TiB (and kB, MB, GB, TB)",
        "B, KiB, MiB, GiB, TiB (y kB, MB, GB, TB)";
    too_fine_for_a_period() =
        "the number is too large, or finer than a millisecond",
        "el número es demasiado grande, o más fino que un milisegundo";
    too_fine_for_a_size() =
        "the number is too large, or finer than a byte",
        "el número es demasiado grande, o más fino que un byte";
    empty() =
        "the text is empty",
        "el texto está vacío";
    too_long() =
        "ten years is the longest period",
        "diez años es el periodo más largo";
    one_number() =
        "one number with one unit is expected",
        "se espera un solo número con una sola unidad";
    percent_sign() =
        "a percent sign is expected at the end, as in \"99.9%\"",
        "se espera un signo de porcentaje al final, como en \"99.9%\"";
    number_before_percent() =
        "a number is expected before the percent sign",
        "se espera un número delante del signo de porcentaje";
    too_fine_for_a_share() =
        "four digits after the point are the finest share",
        "cuatro cifras tras el punto son lo más fino que hay";
    share_bounds() =
        "more than 0% and at most 100% is expected",
        "se espera más de 0% y como mucho 100%";
}
