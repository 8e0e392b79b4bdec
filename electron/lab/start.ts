import { createCluster, type Cluster, type ClusterConfig, parseClusterConfig } from '../engine/cluster.ts'
import { registerPrograms, runScript } from '../shell/index.ts'
import type { Lab, Step } from './model.ts'

/** A cluster with everything that a student finds on it: the one way in which the app, `run` and tests make one. */
export function bearCluster(config: ClusterConfig): Cluster {
  const cluster = createCluster(config)
  registerPrograms(cluster)
  cluster.settle()
  return cluster
}

/** The cluster of a lab, with its files in the student's home and its setup applied. */
export function bearLabCluster(lab: Lab): Cluster {
  const cluster = bearCluster(parseClusterConfig(lab.definition.cluster, 'cluster'))
  const { fs } = cluster.laptop
  for (const name of lab.definition.files) fs.writeFile(`/home/student/${name.split('/').at(-1)}`, lab.files.get(name) ?? '')
  applyManifests(cluster, lab, lab.definition.setup)
  cluster.settle()
  return cluster
}

/** What a step needs on the cluster when it begins. */
export function beginStep(cluster: Cluster, lab: Lab, step: Step): void {
  applyManifests(cluster, lab, step.setup)
}

/** Through kubectl, as a trainer would: a manifest that it refuses is the lab's mistake. */
export function applyManifests(cluster: Cluster, lab: Lab, names: readonly string[]): void {
  for (const name of names) {
    const result = applyText(cluster, lab.files.get(name) ?? '')
    if (result.code !== 0) throw new Error(`${lab.definition.id}/${name}: ${result.stderr.trim()}`)
  }
}

/** kubectl apply -f - with this text; virtual time moves on until it has ended. */
export function applyText(cluster: Cluster, manifest: string): { code: number; stdout: string; stderr: string } {
  return runScript(cluster, 'kubectl apply -f -', { stdin: manifest })
}
