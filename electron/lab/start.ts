import { createCluster, parseClusterConfig, type Cluster, type ClusterConfig } from '../engine/cluster.ts'
import { registerPrograms } from '../shell/programs.ts'
import type { Lab, Step } from './model.ts'
import { runScript, startScript } from './script.ts'

/**
 * A cluster with everything that a student finds on it, and with these manifests applied: the one way in which the
 * app, `run` and tests make one.
 */
export function bearCluster(config: ClusterConfig, manifests: readonly string[] = [], epoch?: number): Cluster {
  const cluster = createCluster(config, epoch)
  registerPrograms(cluster)
  cluster.settle()
  applyManifests(cluster, manifests)
  return cluster
}

/** Through kubectl, as a person would: what it refuses is refused with its words. Settles afterwards. */
export function applyManifests(cluster: Cluster, manifests: readonly string[]): void {
  for (const manifest of manifests) {
    const result = runScript(cluster, 'kubectl apply -f -', { stdin: manifest })
    if (result.code !== 0) throw new Error(result.stderr.trim())
  }
  if (manifests.length > 0) cluster.settle()
}

/** The cluster of a lab, with its files in the student's home and its setup applied. */
export function bearLabCluster(lab: Lab, epoch?: number): Cluster {
  const { definition, files } = lab
  const manifests = definition.setup.map((name) => files.get(name) ?? '')
  const cluster = bearCluster({ ...parseClusterConfig(definition.cluster, 'cluster'), images: lab.images }, manifests, epoch)
  for (const name of definition.files) {
    cluster.laptop.fs.writeFile(`/home/student/${name.split('/').at(-1)}`, files.get(name) ?? '')
  }
  return cluster
}

/** Starts what a step needs on the cluster when it begins; it is under way when this returns. */
export function beginStep(cluster: Cluster, lab: Lab, step: Step): void {
  for (const name of step.setup) startScript(cluster, 'kubectl apply -f -', { stdin: lab.files.get(name) ?? '' })
}
