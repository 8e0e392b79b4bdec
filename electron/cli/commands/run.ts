import { join } from 'node:path'
import { parseClusterConfig, type Cluster } from '../../engine/cluster.ts'
import { explanation } from '../../host/explanations.ts'
import { appFolder } from '../../host/layout.ts'
import { formatProblem } from '../../lab/model.ts'
import { runScript } from '../../lab/script.ts'
import { applyManifests, bearCluster, bearLabCluster } from '../../lab/start.ts'
import { parse, UsageError } from '../arguments.ts'
import { findLab } from './find-labs.ts'
import { readText } from './serve.ts'

/** A fresh cluster in virtual time: apply, settle, run in the lab shell, print. Never waits for real time. */
export function run(args: string[]): number {
  const { values, positionals } = parse({
    args,
    allowPositionals: true,
    options: { cluster: { type: 'string' }, lab: { type: 'string' }, file: { type: 'string', short: 'f', multiple: true }, command: { type: 'string', short: 'c' } },
  })
  if (values.command !== undefined && positionals.length > 0) throw new UsageError('expected either -c COMMANDS or a SCRIPT, not both')
  if (positionals.length > 1) throw new UsageError(`unexpected argument "${positionals[1]}"`)
  if (values.cluster !== undefined && values.lab !== undefined) throw new UsageError('expected either --cluster or --lab, not both: a lab brings its own cluster')
  const script = values.command ?? (positionals[0] === undefined ? '' : readText(positionals[0]))
  const files = values.file ?? []
  const manifests = files.map(readText)
  const config = parseClusterConfig(values.cluster === undefined ? {} : readText(values.cluster), values.cluster)
  const cluster = values.lab === undefined ? bearCluster(config, manifests, undefined, files) : labCluster(values.lab, manifests, files)
  cluster.explain = (id) => explanation(join(appFolder(), 'assets', 'explanations'), id)?.markdown
  const result = runScript(cluster, script, { onOutput: (descriptor, bytes) => void (descriptor === 1 ? process.stdout : process.stderr).write(bytes.slice()) })
  process.stderr.write(result.stderr)
  return result.code
}

function labCluster(name: string, manifests: readonly string[], files: readonly string[]): Cluster {
  const found = findLab(name)
  if ('problems' in found) throw new UsageError(found.problems.map(formatProblem).join('\n'))
  const cluster = bearLabCluster(found.lab)
  applyManifests(cluster, manifests, files)
  return cluster
}
