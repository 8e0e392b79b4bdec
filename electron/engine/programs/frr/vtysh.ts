import type { Task } from '../../machine/task.ts'
import type { Process, Program } from '../../machine/types.ts'
import { isValidIp, networkOf, tryParseCidr } from '../../network/address.ts'
import type { RemoteAs } from '../../cni/bgp/speaker.ts'
import type { Family } from '../../cni/bgp/messages.ts'
import { DEFAULT_PATHS, FAMILIES, familyOf, type Bgpd, type BgpConfig, type NeighborConfig } from './bgpd.ts'
import { ipRoute, NO_INSTANCE, rib, runningConfig, summary } from './show.ts'

/** FRR's shell: -c COMMAND…, -f FILE, or lines of stdin with a prompt. `/etc/frr/frr.conf` is what `write` leaves. */
const CONF = '/etc/frr/frr.conf'
const HINT = '(show bgp summary, show ip bgp, show ip route, show running-config, and neighbours of router bgp are)'

/** What is real, but not here. */
class NotSimulated extends Error {}
/** A "%" line. */
class Complaint extends Error {}

type Mode = 'enable' | 'config' | 'router' | 'family' | 'route-map'
const PROMPTS: Readonly<Record<Mode, string>> = { enable: '#', config: '(config)#', router: '(config-router)#', family: '(config-router-af)#', 'route-map': '(config-route-map)#' }

export function vtysh(bgpd: () => Bgpd): Program {
  return function* (process) {
    const args = process.argv.slice(1)
    const lines: string[] = []
    let given = false
    for (let i = 0; i < args.length; i++) {
      const value = args[i + 1]
      if ((args[i] === '-c' || args[i] === '--command') && value !== undefined) lines.push(...value.split('\n'))
      else if ((args[i] === '-f' || args[i] === '--inputfile') && value !== undefined) {
        if (!process.fs.exists(value)) {
          yield* process.printError(`open: ${value}: No such file or directory\n`)
          return 1
        }
        lines.push('configure terminal', ...process.fs.readText(value).split('\n'), 'end')
      } else if (args[i] === '-b' && process.fs.exists(CONF)) lines.push('configure terminal', ...process.fs.readText(CONF).split('\n'), 'end')
      else {
        yield* process.printError(`podhop: not simulated: vtysh ${args[i]!} (use -c COMMAND, -f FILE, -b or none)\n`)
        return 69
      }
      if (args[i] !== '-b') i++
      given = true
    }
    const session = new Session(process, bgpd())
    if (!given) return yield* session.converse()
    for (const line of lines) {
      const code = yield* session.run(line)
      // as vtysh -c: the first command that fails ends it
      if (code !== 0) return code
    }
    return 0
  }
}

class Session {
  readonly #process: Process
  readonly #bgpd: Bgpd
  #mode: Mode = 'enable'
  #map = ''
  /** Of `address-family`; directly below `router bgp`, IPv4. */
  #family: Family = 4

  constructor(process: Process, bgpd: Bgpd) {
    this.#process = process
    this.#bgpd = bgpd
  }

  *converse(): Task<number> {
    const process = this.#process
    const interactive = process.terminalOf(0) !== undefined
    if (interactive) yield* process.print('\nHello, this is FRRouting (version 8.4.4).\nCopyright 1996-2005 Kunihiro Ishiguro, et al.\n\n')
    let code = 0
    for (;;) {
      if (interactive) yield* process.print(`${process.machine.hostname}${PROMPTS[this.#mode]} `)
      const line = yield* process.readLine()
      if (line === null || (this.#mode === 'enable' && /^\s*(exit|quit)\s*$/.test(line))) break
      code = yield* this.run(line)
      if (code === 69 && !interactive) return code
    }
    return interactive ? 0 : code
  }

  *run(line: string): Task<number> {
    const words = line.trim().split(/\s+/).filter((w) => w !== '')
    if (words.length === 0 || words[0]!.startsWith('!') || words[0]!.startsWith('#')) return 0
    try {
      const text = this.#command(words, line.trim())
      if (text !== '') yield* this.#process.print(text)
      return 0
    } catch (error) {
      if (error instanceof NotSimulated) {
        yield* this.#process.printError(`podhop: not simulated: ${error.message}\n`)
        return 69
      }
      if (!(error instanceof Complaint)) throw error
      yield* this.#process.print(`${error.message}\n`)
      return 1
    }
  }

  #command(words: readonly string[], line: string): string {
    const [first = '', second = ''] = words
    if (is('end', first) && this.#mode !== 'enable') return this.#go('enable')
    if ((first === 'exit' || first === 'quit') && this.#mode !== 'enable') return this.#go(this.#mode === 'config' ? 'enable' : this.#mode === 'family' ? 'router' : 'config')
    if (first === 'exit-address-family' && this.#mode === 'family') return this.#go('router')
    if (first === 'do' && this.#mode !== 'enable') return this.#enable(words.slice(1), line)
    if (this.#mode === 'enable') return is('configure', first, 4) && words.length <= 2 && (second === '' || is('terminal', second, 1)) ? this.#go('config') : this.#enable(words, line)
    return this.#configure(words, line)
  }

  #go(mode: Mode): string {
    this.#mode = mode
    if (mode !== 'family') this.#family = 4
    return ''
  }

  // ---- enable --------------------------------------------------------------------------------------------------

  #enable(words: readonly string[], line: string): string {
    const bgpd = this.#bgpd
    const [first = '', ...rest] = words
    if (is('show', first, 2)) return this.#show(rest, line)
    if (is('write', first, 2) || line === 'copy running-config startup-config') {
      if (rest[0] !== undefined && is('terminal', rest[0])) return runningConfig(bgpd, this.#process.machine.hostname)
      this.#process.fs.makeDirectory('/etc/frr', { parents: true })
      this.#process.fs.writeFile(CONF, runningConfig(bgpd, this.#process.machine.hostname).split('\n').slice(4, -2).join('\n') + '\n')
      return `Note: this version of vtysh never writes vtysh.conf\nBuilding Configuration...\nIntegrated configuration saved to ${CONF}\n[OK]\n`
    }
    if (is('clear', first, 3)) {
      const [what, ...more] = rest.filter((w) => w !== 'ip')
      const target = more.find((w) => !['ipv4', 'ipv6', 'unicast'].includes(w))
      if (what !== 'bgp' || target === undefined || (target !== '*' && !isValidIp(target))) throw new NotSimulated(`vtysh ${line} (use clear bgp * or clear bgp ADDRESS)`)
      if (!bgpd.config) throw new Complaint(NO_INSTANCE.trim())
      if (target !== '*' && !bgpd.speaker?.peers.some((p) => p.address === target)) throw new Complaint(`% BGP: Unknown neighbor - "${target}"`)
      bgpd.clear(target === '*' ? undefined : [target])
      return ''
    }
    throw new NotSimulated(`vtysh ${line} ${HINT}`)
  }

  #show(words: readonly string[], line: string): string {
    const bgpd = this.#bgpd
    const text = words.join(' ')
    if (/^run/.test(text) && is('running-config', text)) return runningConfig(bgpd, this.#process.machine.hostname)
    if (text === 'version') return `FRRouting 8.4.4 (${this.#process.machine.hostname}) on Linux(6.1.0-28-amd64).\nCopyright 1996-2005 Kunihiro Ishiguro, et al.\n`
    const bgp = /^(ip )?bgp(?: (ipv[46]))?( unicast)?(?: (\S+))?$/.exec(text)
    if (bgp) {
      const [, ip, afi, unicast, what] = bgp
      const family: Family = afi === 'ipv6' ? 6 : afi === 'ipv4' || (afi === undefined && ip !== undefined) ? 4 : 6
      if (what === undefined) return rib(bgpd, family)
      if (is('summary', what, 3)) return summary(bgpd, afi === undefined && ip === undefined && unicast === undefined ? FAMILIES : [family], afi === undefined || unicast === undefined)
      if (isAddress(what)) {
        if (what.includes(':') !== (family === 6)) throw new Complaint(`% Cannot specify IPv${family === 6 ? 4 : 6} address or prefix with IPv${family} AFI`)
        return rib(bgpd, family, what)
      }
    }
    const route = /^(ip|ipv6) (?:ro|rou|rout|route)(?: (bgp|connected|kernel))?$/.exec(text)
    if (route) return ipRoute(bgpd, route[1] === 'ip' ? 4 : 6, route[2] as 'bgp' | undefined)
    throw new NotSimulated(`vtysh ${line} ${HINT}`)
  }

  // ---- configure -----------------------------------------------------------------------------------------------

  #configure(words: readonly string[], line: string): string {
    const bgpd = this.#bgpd
    const [first, ...rest] = words
    const no = first === 'no'
    const [head = '', ...tail] = no ? rest : words
    if (head === 'router') this.#router(tail, no, line)
    else if (head === 'route-map') this.#routeMap(tail, no, line)
    if (head === 'router' || head === 'route-map') return ''
    if (this.#mode === 'route-map') throw new NotSimulated(`vtysh ${line} (a route-map without match and set)`)
    // what a saved configuration starts with says nothing
    if (this.#mode === 'config' && ['frr', 'hostname', 'log', 'service', 'line'].includes(head)) return ''
    if (this.#mode === 'config') throw new NotSimulated(`vtysh ${line} ${HINT}`)
    const config = bgpd.config
    if (!config) throw new Complaint(NO_INSTANCE.trim())
    let said = ''
    if (head === 'neighbor') said = this.#neighbor(config, tail, no, line) ?? ''
    else if (head === 'address-family') return this.#addressFamily(tail, line)
    else this.#instance(config, head, tail, no, line)
    bgpd.apply()
    return said
  }

  #addressFamily([afi, safi = 'unicast', ...more]: readonly string[], line: string): string {
    if (!['ipv4', 'ipv6', 'l2vpn'].includes(afi ?? '') || more.length > 0) throw new Complaint(`% Unknown command: ${line}`)
    if (afi === 'l2vpn' || safi !== 'unicast') throw new NotSimulated(`vtysh ${line} (use address-family ipv4 unicast or ipv6 unicast)`)
    this.#family = afi === 'ipv6' ? 6 : 4
    return this.#go('family')
  }

  #router(words: readonly string[], no: boolean, line: string): void {
    const bgpd = this.#bgpd
    const [what, number] = words
    const asn = Number(number)
    if (what !== 'bgp' || words.length > 2) throw new NotSimulated(`vtysh ${line} (use router bgp ASN)`)
    if (no) {
      if (!bgpd.config || (number !== undefined && asn !== bgpd.config.asn)) throw new Complaint("% Can't find BGP instance")
      bgpd.remove()
      return
    }
    if (number !== undefined && (!/^\d+$/.test(number) || asn < 1 || asn > 4_294_967_295)) throw new Complaint(`% Unknown command: ${line}`)
    if (bgpd.config && number !== undefined && asn !== bgpd.config.asn) throw new Complaint(`BGP is already running; AS is ${bgpd.config.asn}`)
    if (!bgpd.config && number === undefined) throw new Complaint('% No BGP process is configured')
    if (!bgpd.config) bgpd.start(asn)
    this.#go('router')
  }

  #routeMap([name, action = 'permit', number, ...more]: readonly string[], no: boolean, line: string): void {
    if (name === undefined) throw new Complaint('% Command incomplete.')
    const { routeMaps } = this.#bgpd
    if (no) routeMaps.delete(name)
    else {
      if ((action !== 'permit' && action !== 'deny') || more.length > 0 || !/^\d+$/.test(number ?? '')) throw new Complaint(`% Unknown command: ${line}`)
      if (routeMaps.has(name) && this.#map !== name && routeMaps.get(name) !== action) throw new NotSimulated(`vtysh ${line} (a route-map of one entry)`)
      routeMaps.set(name, action)
      this.#map = name
      this.#mode = 'route-map'
    }
  }

  #instance(config: BgpConfig, head: string, tail: readonly string[], no: boolean, line: string): void {
    const [a, b, c, d] = tail
    const { networks, redistribute } = config.families[this.#family]
    if (head === 'bgp' && a === 'router-id') {
      if (no) delete config.routerId
      else if (b !== undefined && isValidIp(b) && !b.includes(':')) config.routerId = b
      else throw new Complaint(`% Unknown command: ${line}`)
    } else if (head === 'bgp' && a === 'ebgp-requires-policy') config.requiresPolicy = !no
    else if (head === 'bgp' && a === 'default' && b === 'ipv4-unicast') config.defaultIpv4 = !no
    else if (head === 'bgp' && a === 'log-neighbor-changes') return
    else if (head === 'bgp' && a === 'listen' && b === 'range' && c !== undefined && d === 'peer-group') {
      const group = tail[4]!
      if (!tryParseCidr(c)) throw new Complaint(`% Unknown command: ${line}`)
      if (!no && !config.groups.has(group)) throw new Complaint('% Configure the peer-group first')
      if (no) config.listen.delete(networkOf(c))
      else config.listen.set(networkOf(c), group)
    } else if (head === 'network' && a !== undefined && tryParseCidr(a)) {
      if (familyOf(a) !== this.#family) throw new Complaint(`% Unknown command: ${line}`)
      if (no) networks.delete(networkOf(a))
      else networks.add(networkOf(a))
    } else if (head === 'redistribute' && (a === 'connected' || a === 'kernel' || a === 'static')) {
      if (no) redistribute.delete(a)
      else redistribute.add(a)
    } else if (head === 'maximum-paths' && (no || /^\d+$/.test(a ?? ''))) config.families[this.#family].maximumPaths = no ? DEFAULT_PATHS : Number(a)
    else if (head === 'timers' && a === 'bgp' && (no || (/^\d+$/.test(b ?? '') && /^\d+$/.test(c ?? '')))) {
      if (no) delete config.timers
      else config.timers = { keepalive: Number(b), hold: Number(c) }
    } else throw new NotSimulated(`vtysh ${line} ${HINT}`)
  }

  /** What it says to that. */
  #neighbor(config: BgpConfig, [name, what, ...rest]: readonly string[], no: boolean, line: string): string | undefined {
    if (name === undefined) throw new Complaint('% Command incomplete.')
    const isPeer = isValidIp(name)
    const fresh = (): NeighborConfig => ({ families: { 4: { routeMap: {} }, 6: { routeMap: {} } } })
    const from: Map<string, NeighborConfig> = isPeer ? config.neighbors : config.groups
    if (no && (what === undefined || (what === 'peer-group' && !isPeer) || (what === 'remote-as' && isPeer))) {
      if (!from.delete(name)) throw new Complaint(isPeer ? '% Specify remote-as or peer-group commands first' : '% Create the peer-group first')
      for (const [range, group] of config.listen) if (group === name) config.listen.delete(range)
      return undefined
    }
    const [value, more] = rest
    if (what === 'remote-as') {
      const as: RemoteAs | undefined = value === 'external' || value === 'internal' ? value : /^\d+$/.test(value ?? '') ? Number(value) : undefined
      if (as === undefined) throw new Complaint(`% Unknown command: ${line}`)
      if (!isPeer && !from.has(name)) throw new Complaint('% Create the peer-group or interface first')
      return void from.set(name, { ...fresh(), ...from.get(name), remoteAs: as })
    }
    if (what === 'peer-group' && !isPeer && value === undefined) return void from.set(name, from.get(name) ?? fresh())
    if (what === 'peer-group' && isPeer && value !== undefined) {
      if (!config.groups.has(value)) throw new Complaint('% Configure the peer-group first')
      return void from.set(name, { ...fresh(), ...from.get(name), group: value })
    }
    const neighbor = from.get(name)
    if (!neighbor) throw new Complaint('% Specify remote-as or peer-group commands first')
    const inFamily = neighbor.families[this.#family]
    if (what === 'description') neighbor.description = rest.join(' ')
    else if (what === 'shutdown') neighbor.shutdown = !no
    else if (what === 'passive') neighbor.passive = !no
    else if (what === 'default-originate' && value === undefined) inFamily.defaultOriginate = !no
    else if (what === 'route-map' && value !== undefined && (more === 'in' || more === 'out')) {
      if (no) delete inFamily.routeMap[more]
      else inFamily.routeMap[more] = value
      this.#bgpd.policyChanged(name)
      return no || this.#bgpd.routeMaps.has(value) ? undefined : `The route-map '${value}' does not exist.\n`
    } else if (what === 'activate') {
      if (no === (this.#family === 4 && config.defaultIpv4)) inFamily.activate = !no
      else delete inFamily.activate
      if (!isPeer) this.#bgpd.policyChanged(name)
    } else if (!no && ((what === 'soft-reconfiguration' && value === 'inbound') || (what === 'ebgp-multihop' && isPeer))) return undefined
    else throw new NotSimulated(`vtysh ${line} ${HINT}`)
    if (no && what === 'description') delete neighbor.description
    return undefined
  }
}

function isAddress(text: string): boolean {
  return isValidIp(text) || tryParseCidr(text) !== undefined
}

/** A word may be shortened. */
function is(whole: string, word: string, least = 2): boolean {
  return word.length >= least && whole.startsWith(word)
}
