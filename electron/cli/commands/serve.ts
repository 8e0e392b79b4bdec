import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse as parseYaml } from 'yaml'
import { parseClusterConfig } from '../../engine/cluster.ts'
import { appFolder } from '../../host/layout.ts'
import { makeApp } from '../../host/make.ts'
import { serveWeb } from '../../web/server.ts'
import { parse, portNumber, UsageError } from '../arguments.ts'

/** The app for browsers of this machine, until it is interrupted. */
export async function serve(args: string[]): Promise<number> {
  const { values } = parse({
    args,
    options: {
      port: { type: 'string' },
      cluster: { type: 'string' },
      file: { type: 'string', short: 'f', multiple: true },
      'kube-api': { type: 'boolean' },
      data: { type: 'string' },
      'host-terminal': { type: 'boolean' },
      test: { type: 'boolean' },
    },
  })
  const cluster = values.cluster === undefined ? undefined : readClusterFile(values.cluster)
  return serveUntilInterrupted(portNumber(values.port, 0), {
    test: values.test ?? false,
    kubeApi: values['kube-api'] ?? false,
    hostTerminal: values['host-terminal'] ?? false,
    ...(cluster ? { freeCluster: cluster } : {}),
    ...(values.file ? { manifests: values.file.map((name) => readText(name)) } : {}),
    ...(values.data ? { dataFolder: values.data } : {}),
  })
}

export async function serveUntilInterrupted(port: number, options: { test: boolean; kubeApi?: boolean; hostTerminal?: boolean; freeCluster?: object; manifests?: string[]; dataFolder?: string }): Promise<number> {
  const { kubeApi, hostTerminal = false, ...rest } = options
  const app = makeApp({ host: 'web', hostTerminal, ...rest })
  const web = await serveWeb({ app, windowFolder: join(appFolder(), 'out', 'renderer'), port })
  process.stdout.write(`Podhop is at ${web.url}\n`)
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, resolve)
  })
  const kubeconfig = kubeApi ? await app.tools.connect() : undefined
  await app.start()
  if (kubeconfig !== undefined) process.stdout.write(`KUBECONFIG=${kubeconfig}\n`)
  await stopped
  await app.tools.disconnect()
  app.stop()
  await web.close()
  return 0
}

export function readText(name: string): string {
  try {
    return readFileSync(name, 'utf8')
  } catch {
    throw new UsageError(`cannot read "${name}"`)
  }
}

function readClusterFile(name: string): object {
  const text = readText(name)
  parseClusterConfig(text, name)
  return (parseYaml(text) as object | null) ?? {}
}
