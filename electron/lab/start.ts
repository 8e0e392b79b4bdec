import { createCluster, parseClusterConfig, type Cluster, type ClusterConfig } from '../engine/cluster.ts'
import { registerPrograms } from '../shell/index.ts'
import type { Lab, Step } from './model.ts'
import { runScript, startScript } from './script.ts'

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
  for (const name of lab.definition.files) {
    cluster.laptop.fs.writeFile(`/home/student/${name.split('/').at(-1)}`, lab.files.get(name) ?? '')
  }
  for (const name of lab.definition.setup) {
    const result = runScript(cluster, 'kubectl apply -f -', { stdin: lab.files.get(name) ?? '' })
    // through kubectl, as a trainer would: a manifest that it refuses is the lab's mistake
    if (result.code !== 0) throw new Error(`${lab.definition.id}/${name}: ${result.stderr.trim()}`)
  }
  cluster.settle()
  return cluster
}

/** Starts what a step needs on the cluster when it begins; it is under way when this returns. */
export function beginStep(cluster: Cluster, lab: Lab, step: Step): void {
  for (const name of step.setup) startScript(cluster, 'kubectl apply -f -', { stdin: lab.files.get(name) ?? '' })
}
