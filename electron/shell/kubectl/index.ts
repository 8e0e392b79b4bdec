import type { Cluster } from '../../engine/cluster.ts'
import { annotate, label } from './label.ts'
import { apply } from './apply.ts'
import { attach } from './attach.ts'
import { auth } from './auth.ts'
import type { Command } from './command.ts'
import { certificate } from './certificate.ts'
import { completion } from './completion-command.ts'
import { registerKubectlCompletion } from './completion.ts'
import { config } from './config.ts'
import { cp } from './cp.ts'
import { create } from './create.ts'
import { debug } from './debug.ts'
import { del } from './delete.ts'
import { describe } from './describe-command.ts'
import { diff } from './diff.ts'
import { apiResources, apiVersions, clusterInfo, version } from './discovery.ts'
import { drain } from './drain.ts'
import { edit } from './edit.ts'
import { events } from './events.ts'
import { exec } from './exec.ts'
import { explain } from './explain.ts'
import { expose } from './expose.ts'
import { get } from './get.ts'
import { ORDER } from './help.ts'
import { logs } from './logs.ts'
import { cordon, taint, uncordon } from './nodes.ts'
import { patch } from './patch.ts'
import { plugin } from './plugin.ts'
import { portForward } from './port-forward.ts'
import { kubectlProgram } from './program.ts'
import { proxy } from './proxy.ts'
import { replace } from './replace.ts'
import { rollout } from './rollout.ts'
import { run } from './run.ts'
import { scale } from './scale.ts'
import { set } from './set.ts'
import { top } from './top.ts'
import { kustomize } from './kustomize.ts'
import { autoscale } from './unsimulated.ts'
import { wait } from './wait.ts'

/** Every verb of kubectl v1.33, in the order of its help. */
export const COMMANDS: readonly Command[] = [
  annotate, apiResources, apiVersions, apply, attach, auth, clusterInfo, config, cordon, cp, create, debug, del, describe, diff, drain, edit, events, exec, explain, expose, get, label, logs,
  patch, portForward, replace, rollout, run, scale, set, taint, top, uncordon, version, wait,
  autoscale, certificate, completion, kustomize, plugin, proxy,
].sort((a, b) => ORDER.indexOf(a.name) - ORDER.indexOf(b.name))

/** kubectl for every machine of a cluster whose filesystem has it; the laptop has it, and a kubeconfig, when it is built. */
export function registerKubectl(cluster: Cluster): void {
  cluster.programs.register('kubectl', kubectlProgram(cluster, COMMANDS, { run: cluster.config.kubectlRun }))
  registerKubectlCompletion(cluster, COMMANDS)
}
