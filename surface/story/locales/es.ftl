# Las frases de Homeostat en español. en.ftl tiene los mismos nombres con las mismas variables; una prueba los mantiene unidos.

## Phrases
name = { $name }
actor = { $kind ->
    [engine] el motor
    [gateway] la pasarela
    [token] quien tiene el token
    [user] el usuario { $by } de esta máquina
   *[other] { $by }
}
origin = { $origin ->
    [start] al arrancar
    [file] porque cambió su archivo
    [signal] al recibir SIGHUP
    [api] a través de la API
   *[other] { $origin }
}
exit-code = código de salida { $code }
exit-killed = interrumpido por la señal { $signal }
exit-killed-named = interrumpido por { $name }, señal { $signal }
exit-unknown = nadie vio cómo
failure-refused = nadie escucha en su dirección
failure-timed-out = no respondió en { $after }
failure-status = respondió con el estado { $code }
failure-command = falló la orden de comprobación ({ $exit })
failure-other = «{ $text }»
finding-none = aún sin diagnóstico
finding-exited = su proceso terminó sin que nadie se lo pidiera ({ $exit }), tras { $after }
finding-unhealthy = { $failures ->
    [one] su proceso sigue en marcha, pero falló una comprobación de salud ({ $last })
   *[other] su proceso sigue en marcha, pero falló { $failures } comprobaciones de salud seguidas (la última: { $last })
}
finding-start-failed = no se pudo arrancar su proceso: { $error }
finding-kind = { $kind ->
    [exited] una caída
    [unhealthy] comprobaciones de salud fallidas
    [start_failed] un arranque fallido
   *[other] { $kind }
}
severity-notice = conviene saberlo
severity-warning = aviso
severity-critical = crítica
cause-killed-from-outside = alguien o algo externo lo mató
cause-out-of-memory = el núcleo lo mató por falta de memoria
cause-program-fault = tropezó con un fallo propio
cause-misconfigured = no puede funcionar tal como está configurado
cause-finished-by-itself = terminó como si hubiera acabado su trabajo
cause-hung = no reacciona: bloqueado, detenido o sobrecargado
cause-not-listening = está en marcha, pero su puerto está cerrado
cause-answers-with-errors = responde con errores
cause-dependency-down = un servicio del que depende no está bien
class-start = arranque
class-stop = parada
class-replace = sustitución
class-restart = reinicio
class-undo = reversión
class-unknown = acción
option-wait = esperar y observar
option-restart = arrancarlo de nuevo
verb-stop = detener el proceso en marcha (vida { $run })
verb-start = arrancar un proceso nuevo
undo-stop = reversible: el proceso nuevo se vuelve a detener
undo-irreversible = irreversible: lo que el proceso tenía en memoria se pierde
scope-everything = todo
scope-service = { $name }
resolution-repaired = reparado y verificado
resolution-recovered-by-itself = se recuperó sin intervención del motor
resolution-no-longer-wanted = ya no se necesita
unfixed-exited-again = volvió a terminar ({ $exit })
unfixed-unhealthy-again = su comprobación de salud volvió a fallar
unfixed-not-ready-in-time = no estuvo listo a tiempo
unfixed-action-failed = la acción falló: { $error }
escalation-budget = { $repairs ->
    [one] una reparación en { $window }, todo lo permitido, y sigue sin estar bien; el motor lo sigue intentando, despacio
   *[other] { $repairs } reparaciones en { $window }, todo lo permitido, y sigue sin estar bien; el motor lo sigue intentando, despacio
}
escalation-not-allowed = el motor no tiene permiso para reparar esto por su cuenta
escalation-action = { $why }

## Guards
guard-answer = { $verdict ->
    [wait] no antes de las { $until }
    [ask] decide una persona
   *[refuse] denegado
}
guard-kill-switch = { $verdict ->
    [pass] Interruptor general: nadie ha pausado el motor
   *[other] Interruptor general: alguien ha pausado el motor ({ $answer })
}
guard-recovery-switch = { $verdict ->
    [pass] Reparaciones: están activadas
   *[other] Reparaciones: están desactivadas ({ $answer })
}
guard-autonomy = { $verdict ->
    [pass] Autonomía: lo permite el ajuste del dueño o la palabra de una persona
   *[other] Autonomía: el dueño no permite que el motor lo haga por su cuenta ({ $answer })
}
guard-rate = { $verdict ->
    [pass] Frecuencia: quedan reparaciones en el cupo
   *[other] Frecuencia: el cupo de reparaciones está agotado ({ $answer })
}
guard-backoff = { $verdict ->
    [pass] Espera: ha pasado tiempo suficiente desde el último intento
   *[other] Espera: ha pasado poco tiempo desde el último intento ({ $answer })
}
guard-freshness = { $verdict ->
    [pass] Vigencia: el plan es reciente
   *[other] Vigencia: el plan es demasiado antiguo ({ $answer })
}
guard-one-actor = { $verdict ->
    [pass] Un solo actor: nada más actúa sobre él y nadie lo retiene
   *[other] Un solo actor: otra cosa actúa sobre él, o una persona lo retiene ({ $answer })
}
guard-journal = { $verdict ->
    [pass] Diario: admite registros
   *[other] Diario: no admite registros, y nada se hace sin quedar registrado antes ({ $answer })
}
guard-reversible = { $verdict ->
    [pass] Reversibilidad: cada paso se puede deshacer
   *[other] Reversibilidad: hay un paso que no se puede deshacer ({ $answer })
}

## Facts
engine-started = { $adopted ->
    [0] Homeostat { $version } tomó el mando (proceso { $pid }).
    [one] Homeostat { $version } tomó el mando (proceso { $pid }) y adoptó una instancia en marcha.
   *[other] Homeostat { $version } tomó el mando (proceso { $pid }) y adoptó { $adopted } instancias en marcha.
}
engine-stopped = { $kept ->
    [yes] Homeostat terminó; los servicios siguen en marcha.
   *[no] Homeostat terminó, y los servicios con él.
}
policy-applied = { $count ->
    [0] La configuración entró en vigor { $origin } ({ $hash }); no nombra ningún servicio.
    [one] La configuración entró en vigor { $origin } ({ $hash }), con un servicio: { $services }.
   *[other] La configuración entró en vigor { $origin } ({ $hash }), con { $count } servicios: { $services }.
}
policy-rejected = { $count ->
    [one] No se aceptó una configuración modificada ({ $origin }) y sigue en vigor la anterior: { $problems }
   *[other] No se aceptó una configuración modificada ({ $origin }) y sigue en vigor la anterior; { $count } problemas: { $problems }
}
signal-up = { $count ->
    [0] { $subject } está en marcha como proceso { $pid }.
    [one] { $subject } está en marcha como proceso { $pid }, puerto { $ports }.
   *[other] { $subject } está en marcha como proceso { $pid }, puertos { $ports }.
}
signal-adopted = { $count ->
    [0] { $subject } ya estaba en marcha como proceso { $pid } y fue adoptado.
    [one] { $subject } ya estaba en marcha como proceso { $pid }, puerto { $ports }, y fue adoptado.
   *[other] { $subject } ya estaba en marcha como proceso { $pid }, puertos { $ports }, y fue adoptado.
}
signal-exited = El proceso de { $subject } ya no existe: { $exit }.
signal-probe-passed = { $subject } superó su comprobación de salud en { $took }.
signal-probe-failed = { $subject } falló su comprobación de salud: { $failure }.
episode-opened = Comienza el episodio { $episode }, sobre { $subject }.
finding-made = { $subject }: { $what }. Gravedad: { $severity }; confianza: { $confidence } %.
hypotheses-formed = Se sospecha: { $suspicions }.
hypothesis = { $cause } ({ $weight } %)
plan-made = Plan { $action }: { $class } de { $target }, con una probabilidad de éxito prevista del { $predicted } %.
plan-asked = Plan { $action }: { $class } de { $target }, tal como se pidió.
candidate = { $option } (puntuación { $score } %)
guards-go = { $count ->
    [0] { $action } no necesita el visto bueno de ningún control.
    [one] El único control consultado deja pasar { $action }.
   *[other] Los { $count } controles dejan pasar { $action }.
}
guards-wait = { $action } espera hasta las { $until }. { $objections }.
guards-ask = { $action } espera la decisión de una persona hasta las { $until }. { $objections }.
guards-observe = El motor llevaría a cabo { $action } y lo deja en tus manos. { $objections }.
guards-refuse = { $action } queda denegada. { $objections }.
action-approved = { $action } fue aprobada por { $by }.
action-dropped = { $action } fue descartada por { $by }: { $why }.
action-resumed = { $action } continúa, por orden de { $by }.
action-begun = Comienza { $action } sobre { $target }.
action-done = { $action } se completó.
action-undone = { $action } se deshizo: { $why }.
action-parked = { $action } espera a que una persona averigüe qué pasó: { $why }.
action-stuck = { $action } está atascada y necesita a una persona: { $why }.
verification-begun = Se observa qué logra { $action }: listo antes de las { $ready_by } y después listo durante { $window } seguidos.
outcome-fixed = { $action } lo arregló, verificado: listo de nuevo { $after } después del primer diagnóstico.
outcome-no-effect = { $action } no tuvo efecto: { $because }.
outcome-unknown = No se puede saber qué logró { $action }: no llegó a un final conocido.
times = { $count ->
    [0] nunca
    [one] una vez
   *[other] { $count } veces
}
lesson-learned = Aprendido para { $service }: { $class } tras { $finding }, probado { $tried }; funcionó { $fixed }, en { $average } de media.
lesson-never = Aprendido para { $service }: { $class } tras { $finding }, probado { $tried }; nunca funcionó.
alarm-raised = Se avisa a una persona ({ $code }): { $why }.
escalated = Se llama a una persona: { $why }.
episode-closed = El episodio { $episode } termina al cabo de { $took }: { $resolution }.
acting-paused = Las acciones sobre { $scope } fueron pausadas por { $by }.
acting-resumed = Las acciones sobre { $scope } fueron permitidas de nuevo por { $by }.
instance-held = { $instance } queda retenido tal como está por { $by }, que deshizo con { $action }.
instance-released = { $instance } fue liberado por { $by }: vuelve a estar bajo cuidado.
service-activated = { $service } arranca: lo pidió { $by }.
service-rested = { $service } vuelve a descansar: nadie pidió nada durante { $idle }.
shutdown-requested = { $kept ->
    [yes] El motor recibió de { $by } la orden de terminar y dejar los servicios en marcha.
   *[no] El motor recibió de { $by } la orden de terminar, y los servicios con él.
}

## Steps of an action
saga-step = { $name ->
    [none] paso { $step }
    [stop] paso { $step } (detener)
    [start] paso { $step } (arrancar)
   *[other] paso { $step } ({ $name })
}
saga-verb-do = ejecutar
saga-verb-undo = deshacer
saga-verb-probe = averiguar si ocurrió
saga-created = { $action } queda registrada antes de tocar { $target }.
saga-taken = { $action } está en manos del motor ({ $owner }).
saga-step-started = { $action }, { $step }, intento { $attempt }: { $verb } ...
saga-step-done = { $action }, { $step }, intento { $attempt }: { $verb }: hecho
saga-step-failed = { $action }, { $step }, intento { $attempt }: { $verb }: falló: { $why }
saga-step-unknown = { $action }, { $step }, intento { $attempt }: { $verb }: no se sabe si ocurrió: { $why }
saga-step-never-happened = { $action }, { $step }, intento { $attempt }: { $verb }: no ocurrió
saga-withheld = { $action }, { $step }, intento { $attempt }: { $verb }: retenido, porque el motor estaba en pausa
saga-cancel = { $action } se va a deshacer, a petición de { $by }: { $why }.
saga-turned-back = { $action } da marcha atrás: { $why }.
saga-parked = { $action }, { $step }: tiene que mirarlo una persona: { $why }.
saga-stuck = { $action }, { $step }: el motor no puede continuar: { $why }.
saga-resumed = { $action } puede intentarlo de nuevo, por orden de { $by }.
saga-skipped = El paso de { $action } se da por hecho, por orden de { $by }.
saga-disproved = El paso de { $action } no ocurrió, según comprobó { $by }.
saga-ended-done = Todos los pasos de { $action } están hechos.
saga-ended-undone = Todos los pasos de { $action } están deshechos: { $why }.
saga-ended-parked = Los pasos de { $action } aguardan a que una persona lo mire: { $why }.
saga-ended-stuck = Los pasos de { $action } aguardan a que una persona ayude: { $why }.
timed = { $sentence } ({ $took })
wait = { $action } espera { $span }, hasta las { $until }.
record-unreadable = Esta versión no sabe leer el registro { $seq } ({ $kind }).

## The story
title = { $subject ->
    [none] { $trace } · { $state }
   *[other] { $trace } · { $subject } · { $state }
}
state-open = en curso
state-awaiting = espera su decisión
state-escalated = se ha llamado a una persona
state-closed = terminado
dated = { $date }, horas en UTC, desfases desde la primera señal
chapter-seen = Qué se vio
chapter-thought = Qué se pensó
chapter-done = Qué se hizo
chapter-brought = Qué se logró
empty-seen = Nada: no empezó por una señal.
empty-thought = No hay nada registrado.
empty-done = No se hizo nada.
empty-brought = Aún no se sabe nada.
left-out = { $count ->
    [one] se omite una línea intermedia
   *[other] se omiten { $count } líneas intermedias
}
detail-evidence = { $count ->
    [one] Se apoya en una señal.
   *[other] Se apoya en { $count } señales a lo largo de { $span }.
}
detail-considered = Opciones: { $candidates }.
detail-step = Paso { $step }: { $verb } – { $undo }.
detail-disturbs = { $count ->
    [0] No afecta a ninguna instancia que esté lista.
    [one] Afecta a una instancia que está lista.
   *[other] Afecta a { $count } instancias que están listas.
}
detail-verification = Cuenta como arreglado si está listo en un plazo de { $deadline } y sigue así durante { $window }.
detail-prediction = { $outcome ->
    [fixed] Probabilidad de éxito prevista: { $predicted } %. Funcionó.
    [no-effect] Probabilidad de éxito prevista: { $predicted } %. No funcionó.
   *[unknown] Probabilidad de éxito prevista: { $predicted } %. No se puede saber si funcionó.
}
summary-repaired = { $attempts ->
    [one] { $subject }: { $finding }. Reparado y verificado en { $took }, al primer intento.
   *[other] { $subject }: { $finding }. Reparado y verificado en { $took }, tras { $attempts } intentos.
}
summary-recovered = { $attempts ->
    [0] { $subject }: { $finding }. Se recuperó solo al cabo de { $took }.
    [one] { $subject }: { $finding }. Se recuperó solo al cabo de { $took }; un intento no lo había arreglado.
   *[other] { $subject }: { $finding }. Se recuperó solo al cabo de { $took }; { $attempts } intentos no lo habían arreglado.
}
summary-not-wanted = { $attempts ->
    [0] { $subject }: { $finding }. Abandonado al cabo de { $took }, porque ya no se necesita.
    [one] { $subject }: { $finding }. Abandonado al cabo de { $took } y un intento, porque ya no se necesita.
   *[other] { $subject }: { $finding }. Abandonado al cabo de { $took } y { $attempts } intentos, porque ya no se necesita.
}
summary-awaiting = { $attempts ->
    [0] { $subject }: { $finding }. { $action } espera su decisión: homeostat approve { $action }
    [one] { $subject }: { $finding }. Tras un intento, { $action } espera su decisión: homeostat approve { $action }
   *[other] { $subject }: { $finding }. Tras { $attempts } intentos, { $action } espera su decisión: homeostat approve { $action }
}
summary-escalated = { $attempts ->
    [0] { $subject }: { $finding }. Se ha llamado a una persona.
    [one] { $subject }: { $finding }. Un intento no lo ha arreglado y se ha llamado a una persona.
   *[other] { $subject }: { $finding }. { $attempts } intentos no lo han arreglado y se ha llamado a una persona; el motor lo sigue intentando.
}
summary-open = { $attempts ->
    [0] { $subject }: { $finding }. Aún no se ha intentado nada.
    [one] { $subject }: { $finding }. Un intento hasta ahora.
   *[other] { $subject }: { $finding }. { $attempts } intentos hasta ahora.
}
summary-action = { $end ->
    [done] { $action }, { $class } de { $subject }: completada.
    [undone] { $action }, { $class } de { $subject }: deshecha.
    [parked] { $action }, { $class } de { $subject }: espera a que una persona averigüe qué pasó.
    [stuck] { $action }, { $class } de { $subject }: atascada, necesita a una persona.
   *[open] { $action }, { $class } de { $subject }: aún no ha terminado.
}

## Status
phase-waiting = en espera
phase-starting = arrancando
phase-ready = listo
phase-unhealthy = enfermo
phase-stopping = parando
phase-down = caído
phase-resting = en reposo
phase-stopped = detenido
status-all-ready = { $count ->
    [0] No hay ningún servicio declarado.
    [one] El único servicio está listo.
    [2] Los dos servicios están listos.
   *[other] Los { $count } servicios están listos.
}
status-some-ready = { $ready } de { $count } servicios listos. Sin estar listos: { $names }.
status-resting = En reposo hasta que llegue una petición: { $names }.
status-paused = En pausa: { $scopes }. El motor observa y no actúa; `homeostat resume` le deja actuar de nuevo.
status-cannot-act = El motor no puede actuar: { $why }.
status-configuration-refused = { $count ->
    [one] La configuración modificada no se aceptó, sigue en vigor la anterior: { $why }. homeostat check lo muestra.
   *[other] La configuración modificada no se aceptó, sigue en vigor la anterior; { $count } problemas, el primero: { $why }. homeostat check los muestra todos.
}
status-settings-refused = { $service } rechaza su configuración nueva y sigue con la anterior: { $why }
status-listener-missing = { $service } no puede escuchar donde dice su configuración; lo intenta de nuevo y hace todo lo demás: { $why }
status-certificates-refused = { $service } no puede usar sus certificados cambiados y sigue mostrando los anteriores: { $why }
status-shutting-down = El motor está terminando.
status-awaiting = { $action } espera su decisión: homeostat approve { $action }
status-left-to-you = El motor no puede reparar { $service } por sí mismo (autonomía): homeostat resume { $service } lo arranca de nuevo
status-escalated = Se ha llamado a una persona. Lo que escribió: homeostat logs { $service }
status-engine = Motor activo desde hace { $up }; reparados: { $fixed }, sin efecto: { $failed }, llamadas a una persona: { $escalations }.
status-engine-begins = El motor acaba de arrancar y mira qué está en marcha.
episode-open = { $attempts ->
    [0] { $episode } { $subject }: { $finding }; aún sin intentos.
    [one] { $episode } { $subject }: { $finding }; un intento hasta ahora.
   *[other] { $episode } { $subject }: { $finding }; { $attempts } intentos hasta ahora.
}
column-service = servicio
column-instance = n.º
column-phase = estado
column-pid = pid
column-port = puerto
column-up-for = activo
column-restarts = reinicios
column-requests = peticiones/s
column-errors = fallidas
column-p99 = p99
column-episode = episodio
column-began = comienzo (UTC)
column-state = estado
column-summary = qué pasó

## Answers of the command line
check-ok = { $count ->
    [0] { $file } está bien formado, pero no nombra ningún servicio.
    [one] { $file } está bien formado: un servicio.
   *[other] { $file } está bien formado: { $count } servicios.
}
check-ok-gateway = { $file } está bien formado: { $count ->
    [0] ningún servicio
    [one] un servicio
   *[other] { $count } servicios
} y una pasarela con { $routes ->
    [0] ninguna ruta todavía
    [one] una ruta
   *[other] { $routes } rutas
}.
gateway-none = No hay sección [gateway], así que no hay pasarela. La primera son dos líneas: [gateway.routes.NOMBRE] y to = "SERVICIO".
gateway-check-ok = La pasarela está bien formada: { $routes ->
    [0] ninguna ruta todavía
    [one] una ruta
   *[other] { $routes } rutas
} hacia { $upstreams ->
    [0] ningún destino
    [one] un destino
   *[other] { $upstreams } destinos
}; escucha en { $listeners }.
gateway-does-forward = va a { $names }
gateway-does-redirect = envía al cliente a otro lugar ({ $status })
gateway-does-answer = responde { $status } por sí misma
gateway-kept-always = { $period }
gateway-kept-unless-told = lo que diga, o { $period }
gateway-kept-as-told = lo que diga
gateway-try-none = Ninguna ruta toma { $path }: la pasarela responde 404.
gateway-try-found = { $count ->
    [0] La ruta "{ $route }" toma { $path }: { $does }.
   *[other] La ruta "{ $route }" toma { $path }: { $does }. Captado: { $caught }
}
gateway-says-takes = la toma
gateway-says-later = la tomaría, y es menos específica o va después
gateway-says-host = es para otros hosts: { $host }
gateway-says-path = es para otros caminos: { $path }
gateway-says-method = es para otros métodos: { $methods }
gateway-says-header = quiere otro valor de la cabecera { $name }
gateway-says-query = quiere otro valor del parámetro { $name }
gateway-from-dns = toda dirección de { $name }, puerto { $port }
gateway-from-service = toda instancia del servicio { $name }, su { $port ->
    [port] puerto
   *[other] puerto { $port }
}
column-route = ruta
column-host = host
column-path = camino
column-further = además
column-auth = acceso
column-cache = se guarda
column-does = hace
column-says = dice
column-upstream = destino
column-endpoints = extremos
column-endpoint = extremo
column-address = dirección
column-standing = estado
column-works = funciona
column-in-flight = en curso
column-kept = guardadas
gateway-endpoints-live = En vivo, según la pasarela en marcha (proceso { $pid }):
gateway-endpoints-configured = Ninguna pasarela responde; la configuración dice:
gateway-nobody-there = { $count ->
    [0] no hay nadie
    [one] no hay nadie; espera una petición
   *[other] no hay nadie; esperan { $count } peticiones
}
gateway-standing = { $standing ->
    [liked] bien
    [doubted] dudoso
   *[ejected] apartado
}
tap-missed = { $count ->
    [one] No se mostró una petición: llegan más deprisa de lo que se escriben.
   *[other] No se mostraron { $count } peticiones: llegan más deprisa de lo que se escriben.
}
tap-attempts = { $count } intentos
init-written = { $count ->
    [0] Se escribió { $file }, con un ejemplo por completar. Siguiente paso: homeostat check
    [one] Se escribió { $file }, con un servicio encontrado aquí. Siguiente paso: homeostat check
   *[other] Se escribió { $file }, con { $count } servicios encontrados aquí. Siguiente paso: homeostat check
}
up-detached = El motor funciona en segundo plano (proceso { $pid }); su registro es { $log }.
up-already = Ya hay un motor en marcha.
down-waiting = Esperando a que termine el motor ...
down-done = { $kept ->
    [yes] El motor ha terminado; los servicios siguen en marcha.
   *[no] El motor ha terminado, y los servicios con él.
}
answer-paused = En pausa: { $scope }. El motor observa y no actúa.
answer-resumed = El motor vuelve a actuar sobre { $scope }.
answer-started = { $service } arranca.
answer-paused-offline = Ningún motor responde: { $file } impide desde ahora que actúe el siguiente.
answer-resumed-offline = Ningún motor responde: se borró { $file }, y el siguiente puede actuar.
answer-already = Ya estaba así.
answer-approved = { $action } queda aprobada.
answer-rejected = { $action } queda descartada.
answer-undone = { $action } se está deshaciendo.
answer-undone-by = { $action } se está deshaciendo mediante { $by }. Su instancia queda después como está hasta que `homeostat resume` nombre su servicio.
journal-sound = { $records ->
    [0] El diario está íntegro: todavía no tiene registros.
    [one] El diario está íntegro: un registro, y todas las huellas coinciden.
   *[other] El diario está íntegro: { $records } registros (del { $first } al { $last }), y todas las huellas coinciden.
}
journal-broken = El diario está roto: { $fault }.
journal-saved = { $bytes } bytes guardados en { $folder }, hasta el registro { $last }, y verificados.
episodes-none = Todavía no hay ningún episodio.
story-cut = Solo se leyeron los primeros { $count } registros de esta historia; `homeostat journal export` los tiene todos.
