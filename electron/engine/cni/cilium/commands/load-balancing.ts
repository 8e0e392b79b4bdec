import { joinHostPort } from '../../../network/address.ts'
import { addressText, anyAddress, flagBits, flagsText, type Frontend, type LbBackend } from '../lb-map.ts'
import { columns, type CommandContext } from './context.ts'

/** `cilium-dbg bpf lb list` (cilium-dbg/cmd/bpf_lb_list.go of v1.17): the Services, or one of the maps that they are made of. */
export const LB_TABLES = ['--revnat', '--frontends', '--backends', '--source-ranges'] as const

const BACKENDS = 'BACKEND ADDRESS (REVNAT_ID) (SLOT)'

export function loadBalancing({ datapath: { lb } }: CommandContext, args: readonly string[]): string {
  const frontends = lb.shown()
  const [title, second, rows] = args.includes('--revnat') ? ['ID', BACKENDS, reverse(frontends)] as const
    : args.includes('--frontends') ? ['SERVICE ADDRESS', 'BACKEND ID', frontendRows(frontends)] as const
      : args.includes('--backends') ? ['ID', BACKENDS, backendRows(frontends)] as const
        : args.includes('--source-ranges') ? ['SOURCE RANGE (REVNAT_ID)', '', ranges(frontends)] as const
          : ['SERVICE ADDRESS', BACKENDS, services(frontends)] as const
  const sorted = [...rows].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  if (args.includes('json')) {
    const byKey: Record<string, string[]> = Object.create(null) as Record<string, string[]>
    for (const [key, value] of sorted) (byKey[key] ??= []).push(value)
    return `${JSON.stringify(byKey, null, 2)}\n`
  }
  return columns([[title, second, ''], ...sorted.map(([key, value]) => [key, value, ''])])
}

type Row = readonly [key: string, value: string]

/** Each scope's rows: its own and one a backend. */
function* slots(frontends: readonly Frontend[]): Generator<{ frontend: Frontend; name: string; slot: number; backend: LbBackend | undefined; backends: readonly LbBackend[] }> {
  for (const frontend of frontends) {
    for (const [scope, backends] of frontend.internal ? ([['', frontend.backends], ['/i', frontend.internal]] as const) : ([['', frontend.backends]] as const)) {
      const name = `${addressText(frontend)}${scope}`
      yield { frontend, name, slot: 0, backend: undefined, backends }
      for (const [i, backend] of backends.entries()) yield { frontend, name, slot: i + 1, backend, backends }
    }
  }
}

function services(frontends: readonly Frontend[]): Row[] {
  return [...slots(frontends)].map(({ frontend, name, slot, backend }): Row => [
    `${name} (${slot})`,
    backend ? `${addressText(backend)} (${frontend.id}) (${slot})` : `${joinHostPort(anyAddress(frontend.ip.includes(':') ? 6 : 4), 0)} (${frontend.id}) (0) [${flagsText(frontend)}]`,
  ])
}

/** Service4Value.String: of a Service's own row the timeout of its affinity stands where backends have their number. */
function frontendRows(frontends: readonly Frontend[]): Row[] {
  return [...slots(frontends)].map(({ frontend, name, slot, backend, backends }): Row => {
    const flags = backend ? 0 : flagBits(frontend)
    return [`${name} (${slot})`, `${backend ? backend.id : (frontend.affinity ?? 0)} ${backend ? 0 : backends.length}[0] (${frontend.id}) [0x${(flags & 255).toString(16)} 0x${(flags >> 8).toString(16)}]`]
  })
}

function backendRows(frontends: readonly Frontend[]): Row[] {
  const all = new Map([...slots(frontends)].flatMap(({ backend }) => (backend ? [[backend.id, backend] as const] : [])))
  return [...all.values()].map(({ id, ip, port, protocol }): Row => [String(id), `${protocol.toUpperCase()}://${joinHostPort(ip, port)}`])
}

function reverse(frontends: readonly Frontend[]): Row[] {
  return frontends.map(({ id, ip, port }): Row => [String(id), joinHostPort(ip, port)])
}

function ranges(frontends: readonly Frontend[]): Row[] {
  return frontends.flatMap(({ id, sourceRanges }) => sourceRanges.map((cidr): Row => [`${cidr} (${id})`, '']))
}
