import type { Program } from '../../../machine/types.ts'
import type { SystemServices } from '../../../programs/types.ts'
import { antctl } from './antctl.ts'
import { appctl } from './appctl.ts'
import { program } from './command.ts'
import { ofctl } from './ofctl.ts'
import { vsctl } from './vsctl.ts'

/** What a node's bridge and agent can be asked with. */
export function antreaCommands(services: SystemServices): Record<string, Program> {
  const socket = 'database connection failed (No such file or directory)'
  return {
    'ovs-vsctl': program(services, vsctl, `ovs-vsctl: unix:/var/run/openvswitch/db.sock: ${socket}`),
    'ovs-ofctl': program(services, ofctl, 'ovs-ofctl: br-int is not a bridge or a socket'),
    'ovs-appctl': program(services, appctl, 'ovs-appctl: cannot read pidfile "/var/run/openvswitch/ovs-vswitchd.pid" (No such file or directory)'),
    antctl: program(services, antctl, 'podhop: not simulated: antctl outside a node (use kubectl -n kube-system exec ds/antrea-agent -- antctl …)'),
  }
}

export const TOOLS: Readonly<Record<string, string>> = { '/usr/bin/ovs-vsctl': 'ovs-vsctl', '/usr/bin/ovs-ofctl': 'ovs-ofctl', '/usr/bin/ovs-appctl': 'ovs-appctl', '/usr/local/bin/antctl': 'antctl' }
