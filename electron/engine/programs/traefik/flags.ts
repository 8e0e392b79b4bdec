/** Static configuration by flags (pkg/cli, pkg/config/static). */

/** What means something here, or nothing that is to be seen. */
const FLAGS = /^(entrypoints\.[a-z0-9_-]+\.(address|http\.tls|http\.redirections\.entrypoint\.(to|scheme|permanent))|providers\.(kubernetesingress|kubernetescrd)(\.(allowemptyservices|ingressendpoint\.publishedservice|allowcrossnamespace))?|providers\.kubernetesgateway(\.(experimentalchannel|nativelbbydefault|statusaddress\.(ip|hostname|service\.(name|namespace))))?|ping|accesslog|log\.level|api(\.(dashboard|insecure))?|metrics\.prometheus(\.(entrypoint|addentrypointslabels|addrouterslabels|addserviceslabels))?|global\.(checknewversion|sendanonymoususage))$/

/** By name in small letters; `unknown` is one that is not simulated. */
export function readFlags(args: readonly string[]): Map<string, string> | { unknown: string } {
  const flags = new Map<string, string>()
  for (const arg of args) {
    const [, name = '', value = 'true'] = /^--([^=]+)(?:=(.*))?$/.exec(arg) ?? []
    if (!FLAGS.test(name.toLowerCase())) return { unknown: arg }
    flags.set(name.toLowerCase(), value)
  }
  // SetEffectiveConfiguration (pkg/config/static): an entry point where none is said, and Traefik's own where something is to be had there
  const addresses = [...flags.keys()].filter((name) => name.endsWith('.address'))
  const internal = flags.get('api.insecure') === 'true' || flags.has('ping') || (flags.has('metrics.prometheus') && (flags.get('metrics.prometheus.entrypoint') ?? 'traefik') === 'traefik')
  if (addresses.length === 0) flags.set('entrypoints.http.address', ':80')
  if (internal && !flags.has('entrypoints.traefik.address')) flags.set('entrypoints.traefik.address', ':8080')
  return flags
}

/** Sorted by name; the address as it was given, "/tcp" or "/udp" behind it. */
export function entryPointsOf(flags: ReadonlyMap<string, string>): { name: string; address: string }[] {
  return [...flags].flatMap(([flag, address]) => {
    const name = /^entrypoints\.([a-z0-9_-]+)\.address$/.exec(flag)?.[1]
    return name === undefined ? [] : [{ name, address }]
  }).sort((a, b) => (a.name < b.name ? -1 : 1))
}

const GATEWAY = 'providers.kubernetesgateway'

/** Whether the provider of the Gateway API is there: any of its options asks for it. */
export function hasGateways(flags: ReadonlyMap<string, string>): boolean {
  return flags.has(GATEWAY) ? flags.get(GATEWAY) !== 'false' : [...flags.keys()].some((flag) => flag.startsWith(`${GATEWAY}.`))
}
