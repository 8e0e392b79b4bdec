import type { Task } from '../../machine/task.ts'
import type { DnsMessage } from '../../network/wire/dns.ts'
import type { DnsPlugin, DnsRequest, Next } from './chain.ts'
import type { ExpressionEnv } from './expression.ts'

/** Whether a server block takes a query: all its conditions have to be true (plugin/view). */
export class ViewPlugin implements DnsPlugin {
  readonly name = 'view'
  readonly viewName: string
  readonly #conditions: readonly ((env: ExpressionEnv) => boolean)[]

  constructor(viewName: string, conditions: readonly ((env: ExpressionEnv) => boolean)[]) {
    this.viewName = viewName
    this.#conditions = conditions
  }

  *serve(_request: DnsRequest, next: Next): Task<DnsMessage | undefined> {
    return yield* next()
  }

  /** `serverPort`: where the query came in; `metadata`: what is known by a label. */
  takes(request: DnsRequest, serverPort: number, metadata: (label: string) => string): boolean {
    const env = environmentOf(request, serverPort, metadata)
    return this.#conditions.every((condition) => condition(env))
  }
}

/** plugin/pkg/expression's DefaultEnv. */
function environmentOf({ query, client, name, type }: DnsRequest, serverPort: number, metadata: (label: string) => string): ExpressionEnv {
  return {
    functions: {
      type: () => type, name: () => name.toLowerCase(), class: () => query.questions[0]?.class ?? 'IN', proto: () => client.protocol, client_ip: () => client.address, port: () => String(client.port),
      server_ip: () => client.at, server_port: () => String(serverPort),
    },
    numbers: { size: () => client.size, id: () => query.id, opcode: () => query.opcode, bufsize: () => (client.protocol === 'tcp' ? 65_535 : Math.max(512, query.edns?.udpSize ?? 512)) },
    do: () => query.edns?.dnssecOk ?? false,
    metadata,
  }
}
