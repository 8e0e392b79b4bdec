import { createCluster, parseClusterConfig, type Cluster, type ClusterConfig } from '../engine/cluster.ts'
import { registerPrograms } from '../shell/programs.ts'
import type { Lab, Step } from './model.ts'
import { runScript, startScript } from './script.ts'

/**
 * A cluster with everything that a student finds on it, and with these manifests applied: the one way in which the
 * app, `run` and tests make one.
 */
export function bearCluster(config: ClusterConfig, manifests: readonly string[] = [], epoch?: number, names?: readonly string[]): Cluster {
  const cluster = createCluster(config, epoch)
  registerPrograms(cluster)
  cluster.settle()
  applyManifests(cluster, manifests, names)
  return cluster
}

/** Through kubectl, as a person would: what it refuses is refused with its words, and with the file's name. Settles afterwards. */
export function applyManifests(cluster: Cluster, manifests: readonly string[], names: readonly string[] = []): void {
  for (const [i, manifest] of manifests.entries()) {
    const result = runScript(cluster, 'kubectl apply -f -', { stdin: manifest })
    const said = result.stderr.trim()
    const name = names[i]
    if (result.code !== 0) throw new Error(name === undefined ? said : `${name}: ${said.replace('"STDIN"', `"${name}"`).replace('parsing STDIN:', `parsing ${name}:`)}`)
  }
  if (manifests.length > 0) cluster.settle()
}

/** The cluster of a lab, with its files in the student's home and its setup applied. */
export function bearLabCluster(lab: Lab, epoch?: number): Cluster {
  const { definition, files } = lab
  const manifests = definition.setup.map((name) => files.get(name) ?? '')
  const cluster = bearCluster({ ...parseClusterConfig(definition.cluster, 'cluster'), images: lab.images }, manifests, epoch, definition.setup)
  for (const name of definition.files) {
    cluster.laptop.fs.writeFile(`/home/student/${name.split('/').at(-1)}`, files.get(name) ?? '')
  }
  return cluster
}

/** Starts what a step needs on the cluster when it begins; it is under way when this returns. */
export function beginStep(cluster: Cluster, lab: Lab, step: Step): void {
  for (const name of step.setup) startScript(cluster, 'kubectl apply -f -', { stdin: lab.files.get(name) ?? '' })
}
