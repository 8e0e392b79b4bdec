import { SERVICES, type Cluster, type NodeService, type NodeView, type Process, type ServiceName, type Task } from '../../engine/cluster.ts'
import { byName } from '../../engine/own.ts'
import { formatTime } from '../coreutils/strftime.ts'
import { shortLine } from './journalctl.ts'
import { globPattern } from './glob.ts'

/** systemctl(1), systemd 252, for the units that have to do with Kubernetes. */

/** What else a node has; it is there to be seen. */
const OTHERS: readonly [string, string][] = [
  ['cron', 'Regular background program processing daemon'], ['dbus', 'D-Bus System Message Bus'], ['ssh', 'OpenBSD Secure Shell server'], ['systemd-journald', 'Journal Service'],
  ['systemd-logind', 'User Login Management'], ['systemd-timesyncd', 'Network Time Synchronization'], ['systemd-udevd', 'Rule-based Manager for Device Events and Files'],
]

const NOT_SIMULATED = 69

/** Options with a value, and those without one; what is spelt the same as a flag of another tool means the same. */
const VALUED: Readonly<Record<string, string>> = byName({ t: 'type', p: 'property', P: 'property', n: 'lines', s: 'signal' })
const FLAGS: Readonly<Record<string, string>> = byName({ a: 'all', l: 'full', q: 'quiet', f: 'force', h: 'help' })
const LONG_VALUED = ['type', 'property', 'lines', 'signal', 'state', 'kill-whom', 'kill-who']
const LONG_FLAGS = ['all', 'full', 'quiet', 'force', 'help', 'no-pager', 'no-legend', 'no-ask-password', 'plain', 'failed', 'now', 'value', 'version', 'system', 'no-wall', 'wait']
const NOT_HERE = ['user', 'global', 'host', 'machine', 'output', 'root', 'image', 'runtime', 'no-block', 'recursive', 'reverse', 'after', 'before', 'job-mode', 'what', 'firmware-setup', 'preset-mode', 'marked', 'read-only', 'mkdir', 'timestamp', 'legend', 'check-inhibitors', 'show-types', 'dry-run', 'boot-loader-menu', 'boot-loader-entry', 'reboot-argument', 'message', 'with-dependencies', 'no-reload', 'no-warn', 'drop-in', 'when', 'stdin', 'cgroup']
const VERBS_NOT_HERE = ['list-sockets', 'list-timers', 'list-automounts', 'list-paths', 'list-dependencies', 'list-unit-files', 'list-machines', 'list-jobs', 'is-system-running', 'help', 'set-property', 'service-log-level', 'service-log-target', 'clean', 'freeze', 'thaw', 'bind', 'mount-image', 'isolate', 'condrestart', 'force-reload', 'reload-or-restart', 'try-reload-or-restart', 'reenable', 'preset', 'preset-all', 'revert', 'link', 'edit', 'add-wants', 'add-requires', 'get-default', 'set-default', 'show-environment', 'set-environment', 'unset-environment', 'import-environment', 'log-level', 'log-target', 'cancel', 'default', 'rescue', 'emergency', 'halt', 'poweroff', 'reboot', 'kexec', 'exit', 'switch-root', 'suspend', 'hibernate', 'hybrid-sleep', 'suspend-then-hibernate', 'service-watchdogs', 'whoami']
const VERSION = `systemd 252 (252.39-1~deb12u2)
+PAM +AUDIT +SELINUX +APPARMOR +IMA +SMACK +SECCOMP +GCRYPT -GNUTLS +OPENSSL +ACL +BLKID +CURL +ELFUTILS +FIDO2 +IDN2 -IDN +IPTC +KMOD +LIBCRYPTSETUP +LIBFDISK +PCRE2 -PWQUALITY +P11KIT +QRENCODE +TPM2 +BZIP2 +LZ4 +XZ +ZLIB +ZSTD -BPF_FRAMEWORK -XKBCOMMON +UTMP +SYSVINIT default-hierarchy=unified
`

/** Words, and options by their long names ("--lines=3"); a string is what is wrong. */
function parse(args: readonly string[]): { words: string[]; options: string[] } | string {
  const words: string[] = []
  const options: string[] = []
  const away = (name: string): string => `podhop: not simulated: systemctl ${name} (use it without)\n`
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    if (arg === '--') {
      words.push(...args.slice(i + 1))
      break
    }
    if (arg.startsWith('--')) {
      const [name, value] = arg.slice(2).split(/=(.*)/s) as [string, string?]
      if (LONG_VALUED.includes(name)) {
        const text = value ?? args[++i]
        if (text === undefined) return `systemctl: option '--${name}' requires an argument\n`
        options.push(`--${name}=${text}`)
      } else if (LONG_FLAGS.includes(name)) {
        if (value !== undefined) return `systemctl: option '--${name}' doesn't allow an argument\n`
        options.push(`--${name}`)
      } else return NOT_HERE.includes(name) ? away(`--${name}`) : `systemctl: unrecognized option '${arg}'\n`
    } else if (arg.startsWith('-') && arg !== '-') {
      for (let left = arg.slice(1); left !== '';) {
        const letter = left[0]!
        left = left.slice(1)
        if (FLAGS[letter]) options.push(`--${FLAGS[letter]}`)
        else if (VALUED[letter]) {
          const text = left || args[++i]
          if (text === undefined) return `systemctl: option requires an argument -- '${letter}'\n`
          options.push(`--${VALUED[letter]}=${text}`, ...(letter === 'P' ? ['--value'] : []))
          left = ''
        } else return /[HMTCoir]/.test(letter) ? away(`-${letter}`) : `systemctl: invalid option -- '${letter}'\n`
      }
    } else words.push(arg)
  }
  const lines = options.findLast((o) => o.startsWith('--lines='))?.slice(8)
  return lines === undefined || /^\d+$/.test(lines) ? { words, options } : `Failed to parse lines '${lines}'\n`
}

export function systemctl(cluster: Cluster) {
  return function* (process: Process): Task<number> {
    const asked = parse(process.argv.slice(1))
    if (typeof asked === 'string') {
      yield* process.printError(asked)
      return asked.startsWith('podhop: ') ? NOT_SIMULATED : 1
    }
    const { words: [verb = 'list-units', ...given], options } = asked
    if (options.includes('--version')) {
      yield* process.print(VERSION)
      return 0
    }
    if (options.includes('--help')) {
      yield* process.printError('podhop: not simulated: systemctl --help (use status, start, stop, restart, is-active, enable, disable, cat or list-units)\n')
      return NOT_SIMULATED
    }
    const view = cluster.nodeView(process.machine)
    if (!view) {
      yield* process.printError('System has not been booted with systemd as init system (PID 1). Can\'t operate.\nFailed to connect to bus: Host is down\n')
      return 1
    }
    const units = given.map((w) => w.replace(/\.service$/, ''))
    const quiet = options.includes('--quiet')
    let code = 0
    switch (verb) {
      case 'list-units': return yield* listUnits(process, view, options, given)
      case 'daemon-reload': case 'daemon-reexec':
        view.services.reload()
        return 0
      case 'reset-failed': return 0
      case 'status':
        for (const name of units) code = Math.max(code, yield* status(process, view, name, options))
        if (units.length > 0) return code
        yield* process.printError('podhop: not simulated: systemctl status without a unit (use systemctl list-units)\n')
        return NOT_SIMULATED
      case 'is-active': case 'is-enabled': case 'is-failed': {
        if (units.length === 0) {
          yield* process.printError('Too few arguments.\n')
          return 1
        }
        let best = verb === 'is-active' ? 3 : 1
        for (const name of units) {
          const service = serviceOf(view, name)
          const other = OTHERS.some(([n]) => n === name)
          const word = verb === 'is-enabled' ? (service ? (service.masked ? 'masked' : service.enabled ? 'enabled' : 'disabled') : other ? 'enabled' : `Failed to get unit file state for ${fullName(name)}: No such file or directory`) : service ? activeState(service) : other ? 'active' : 'inactive'
          if (['active', 'enabled'].includes(word) && verb !== 'is-failed') best = 0
          if (!quiet) yield* word.startsWith('Failed') ? process.printError(`${word}\n`) : process.print(`${word}\n`)
        }
        return best
      }
      case 'start': case 'stop': case 'restart': case 'reload': case 'try-restart': case 'kill': case 'enable': case 'disable': case 'mask': case 'unmask':
        if (units.length === 0) {
          yield* process.printError('Too few arguments.\n')
          return 1
        }
        if (process.user.uid !== 0) {
          yield* process.printError(`Failed to ${verb} ${units[0]}.service: Interactive authentication required.\n`)
          return 1
        }
        for (const name of units) code = Math.max(code, yield* act(process, view, verb, name, options))
        return code
      case 'cat':
        for (const name of units) {
          const service = serviceOf(view, name)
          if (!service) {
            yield* process.printError(`No files found for ${fullName(name)}.\n`)
            return 1
          }
          yield* process.print([service.path, ...service.dropIns].map((path) => `# ${path}\n${process.fs.exists(path) ? process.fs.readText(path) : ''}`).join('\n'))
        }
        return 0
      case 'show': {
        const service = serviceOf(view, units[0] ?? '')
        const wanted = options.map((o) => /^--property=(.+)$/.exec(o)?.[1]).flatMap((w) => w?.split(',') ?? [])
        if (!service || wanted.length === 0 || wanted.some((w) => !['ActiveState', 'SubState', 'MainPID'].includes(w))) break
        const values: Record<string, string> = { ActiveState: activeState(service), SubState: subState(service), MainPID: String(service.pid) }
        yield* process.print(wanted.map((w) => `${options.includes('--value') ? '' : `${w}=`}${values[w]}\n`).join(''))
        return 0
      }
    }
    if (!VERBS_NOT_HERE.includes(verb) && verb !== 'show') {
      yield* process.printError(`Unknown command verb ${verb}.\n`)
      return 1
    }
    yield* process.printError(`podhop: not simulated: systemctl ${verb} (use status, start, stop, restart, is-active, enable, disable, cat or list-units)\n`)
    return NOT_SIMULATED
  }
}

function serviceOf(view: NodeView, name: string): NodeService | undefined {
  return (SERVICES as readonly string[]).includes(name) ? view.services.get(name as ServiceName) : undefined
}

/** Units without a type are services. */
const fullName = (name: string): string => (/\.(service|socket|timer|target|mount|automount|slice|scope|path|device|swap)$/.test(name) ? name : `${name}.service`)
const activeState = (s: NodeService): string => (s.active ? 'active' : s.restarting ? 'activating' : 'inactive')
const subState = (s: NodeService): string => (s.active ? 'running' : s.restarting ? 'auto-restart' : 'dead')

function* act(process: Process, view: NodeView, verb: string, name: string, options: readonly string[]): Task<number> {
  const service = serviceOf(view, name)
  if (!service) {
    if (OTHERS.some(([n]) => n === name)) {
      yield* process.printError(`podhop: not simulated: systemctl ${verb} ${name} (kubelet and containerd have consequences)\n`)
      return NOT_SIMULATED
    }
    const unit = fullName(name)
    if (verb === 'mask' || verb === 'unmask') {
      yield* process.printError(`podhop: not simulated: systemctl ${verb} ${name} (kubelet and containerd have consequences)\n`)
      return NOT_SIMULATED
    }
    const file = verb === 'enable' || verb === 'disable'
    yield* process.printError(file ? `Failed to ${verb} unit: Unit file ${unit} does not exist.\n` : verb === 'kill' ? `Failed to kill unit ${unit}: Unit ${unit} not loaded.\n` : `Failed to ${verb} ${unit}: Unit ${unit} not ${verb === 'stop' ? 'loaded' : 'found'}.\n`)
    return file || verb === 'kill' ? 1 : 5
  }
  const { services } = view
  if (/^(en|dis)able$|mask$/.test(verb)) services.reload()
  else if (service.stale && verb !== 'kill') yield* process.printError(stale(name))
  const link = `/etc/systemd/system/multi-user.target.wants/${name}.service`
  switch (verb) {
    case 'start': case 'restart': case 'try-restart':
      if (service.masked) {
        yield* process.printError(`Failed to ${verb} ${name}.service: Unit ${name}.service is masked.\n`)
        return 1
      }
      if (verb === 'try-restart' && !service.active) return 0
      if (verb !== 'start') services.stop(service.name)
      services.start(service.name)
      break
    case 'stop': services.stop(service.name); break
    case 'kill': services.kill(service.name, options.some((o) => /KILL|9/.test(o)) ? 'SIGKILL' : 'SIGTERM'); break
    case 'reload':
      yield* process.printError(`Failed to reload ${name}.service: Job type reload is not applicable for unit ${name}.service.\n`)
      return 1
    case 'enable':
      if (!service.enabled) yield* process.printError(`Created symlink ${link} → ${service.path}.\n`)
      service.enabled = true
      if (options.includes('--now')) services.start(service.name)
      return 0
    case 'disable':
      if (service.enabled) yield* process.printError(`Removed "${link}".\n`)
      service.enabled = false
      if (options.includes('--now')) services.stop(service.name)
      return 0
    case 'mask':
      if (!service.masked) yield* process.printError(`Created symlink /etc/systemd/system/${name}.service → /dev/null.\n`)
      service.masked = true
      return 0
    case 'unmask':
      if (service.masked) yield* process.printError(`Removed "/etc/systemd/system/${name}.service".\n`)
      service.masked = false
      return 0
  }
  // systemctl waits for the job
  yield* process.sleep(100, { background: false })
  return 0
}

const stale = (name: string): string => `Warning: The unit file, source configuration file or drop-ins of ${name}.service changed on disk. Run 'systemctl daemon-reload' to reload units.\n`

/** "Mon 2026-01-05 08:00:12 UTC; 3min 20s ago" */
function since(process: Process, at: number): string {
  const seconds = Math.floor((process.clock.now - at) / 1000)
  const [d, h, m, s] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60, seconds % 60]
  const span = d > 0 ? `${d} day${d === 1 ? '' : 's'}` : h > 0 ? `${h}h ${m}min` : m > 0 ? (m < 10 ? `${m}min ${s}s` : `${m}min`) : `${s}s`
  return `${formatTime(process.clock.epoch + at, '%a %Y-%m-%d %H:%M:%S')} UTC; ${span} ago`
}

function* status(process: Process, view: NodeView, name: string, options: readonly string[]): Task<number> {
  const service = serviceOf(view, name)
  if (!service) {
    const other = OTHERS.find(([n]) => n === name)
    if (!other) {
      yield* process.printError(`Unit ${fullName(name)} could not be found.\n`)
      return 4
    }
    yield* process.print(`● ${name}.service - ${other[1]}\n     Loaded: loaded (/lib/systemd/system/${name}.service; enabled; preset: enabled)\n     Active: active (running) since ${since(process, 0)}\n`)
    return 0
  }
  const terminal = process.terminalOf(1) !== undefined
  const paint = (text: string, color: string): string => (terminal ? `\x1b[${color}m${text}\x1b[0m` : text)
  const { active, restarting, lastPid, argv, written, description, documentation, path, dropIns, killedBy, failed } = service
  const result = restarting ? ` (Result: ${failed ? 'exit-code' : 'signal'})` : ''
  const ended = killedBy ? `code=killed, signal=${killedBy.slice(3)}` : failed ? `code=exited, status=${failed === 'exec' ? '203/EXEC' : '1/FAILURE'}` : 'code=exited, status=0/SUCCESS'
  const mark = active ? paint('●', '0;1;32') : restarting ? paint('●', '0;1;33') : '○'
  const state = active ? paint('active (running)', '0;1;32') : restarting ? `${paint('activating (auto-restart)', '0;1;33')}${result}` : 'inactive (dead)'
  const [first] = dropIns
  const lines = [
    `${mark} ${name}.service - ${description}`,
    `     Loaded: ${service.masked ? `masked (Reason: Unit ${name}.service is masked.)` : `loaded (${path}; ${service.enabled ? 'enabled' : 'disabled'}; preset: enabled)`}`,
    ...(first ? [`    Drop-In: ${first.slice(0, first.lastIndexOf('/'))}`, ...dropIns.map((d, i) => `             ${i === dropIns.length - 1 ? '└─' : '├─'}${d.slice(d.lastIndexOf('/') + 1)}`)] : []),
    `     Active: ${state} since ${since(process, service.since)}`,
    ...(active ? [] : [`   Duration: ${((service.since - service.startedAt) / 1000).toFixed(3)}s`]),
    `       Docs: ${documentation}`,
    ...(active ? [`   Main PID: ${service.pid} (${name})`, `     CGroup: /system.slice/${name}.service`, `             └─${service.pid} ${argv.join(' ')}`] : [`    Process: ${lastPid} ExecStart=${written} (${ended})`, `   Main PID: ${lastPid} (${ended})`]),
  ]
  if (service.stale) yield* process.printError(stale(name))
  yield* process.print(`${lines.join('\n')}\n`)
  const count = Number(options.map((o) => /^--lines=(\d+)$/.exec(o)?.[1]).findLast((n) => n !== undefined) ?? 10)
  const entries = view.journal().filter((e) => e.unit === name).slice(count === 0 ? Infinity : -count)
  if (entries.length > 0) yield* process.print(`\n${entries.map((e) => shortLine(e)).join('')}`)
  return active ? 0 : 3
}

function* listUnits(process: Process, view: NodeView, options: readonly string[], patterns: readonly string[]): Task<number> {
  const values = (name: string): string[] => options.filter((o) => o.startsWith(`--${name}=`)).flatMap((o) => o.slice(name.length + 3).split(','))
  const states = [...values('state'), ...(options.includes('--failed') ? ['failed'] : [])]
  const types = values('type')
  const all = options.includes('--all')
  const globs = patterns.map((p) => globPattern(fullName(p).replace(/\*\.service$/, '*')))
  const rows = [
    ...SERVICES.map((n) => view.services.get(n)).filter((s) => all || states.length > 0 || s.active || s.restarting).map((s) => [`${s.name}.service`, 'loaded', activeState(s), subState(s), s.description]),
    ...OTHERS.map(([name, about]) => [`${name}.service`, 'loaded', 'active', 'running', about]),
  ].sort((a, b) => (a[0]! < b[0]! ? -1 : 1))
  const shown = rows.filter(([unit, load, active, sub]) => (states.length === 0 || states.some((t) => t === load || t === active || t === sub)) && (types.length === 0 || types.includes('service')) && (globs.length === 0 || globs.some((g) => g.test(unit!))))
  const legend = !options.includes('--no-legend') && !options.includes('--quiet')
  const table = [['UNIT', 'LOAD', 'ACTIVE', 'SUB', 'DESCRIPTION'], ...shown]
  const widths = [0, 1, 2, 3].map((i) => Math.max(...(legend ? table : shown).map((r) => r[i]!.length)))
  const bullet = options.includes('--plain') ? '' : '  '
  const text = (legend ? table : shown).map((r) => `${bullet}${r.map((cell, i) => (i < 4 ? cell.padEnd(widths[i]!) : cell)).join(' ')}\n`).join('')
  const about = shown.length === 0 ? '' : '\nLOAD   = Reflects whether the unit definition was properly loaded.\nACTIVE = The high-level unit activation state, i.e. generalization of SUB.\nSUB    = The low-level unit activation state, values depend on unit type.\n'
  const files = "To show all installed unit files use 'systemctl list-unit-files'.\n"
  const more = all ? `\n${files}` : states.length === 0 ? ` Pass --all to see loaded but inactive units, too.\n${files}` : '\n'
  yield* process.print(legend ? `${text}${about}${shown.length} loaded units listed.${more}` : text)
  return 0
}

