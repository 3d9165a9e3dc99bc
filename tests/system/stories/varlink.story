# The interface is plain varlink
[container, debian 13]

The tools of systemd know nothing of Corral, and can do everything with it: ask what it is,

    alice$ varlinkctl info unix:/run/corral/io.corral
    ...
    *io.corral.Jobs*
    ...

read its interface,

    alice$ varlinkctl introspect unix:/run/corral/io.corral io.corral.Jobs
    ...
    interface io.corral.Jobs
    ...
    method CancelJobs*
    ...

queue a job and ask for its tasks,

    alice$ job='{"job":{"tasks":[{"command":["true"]},{"command":["sh","-c","exit 3"]}]}}'
    > varlinkctl call --json=short unix:/run/corral/io.corral io.corral.Jobs.QueueJob "$job"
    /\{"id":(?P<job>\d+).*\}/
    alice$ corral wait $job
    [3]
    alice$ varlinkctl call --more --json=short unix:/run/corral/io.corral io.corral.Jobs.ListTasks '{"job":'$job'}'
    /.*"id":1,.*"status":"finished".*/
    /.*"id":2,.*"status":"failed".*/

follow it until the tool has seen enough,

    alice$ varlinkctl call --more --json=short unix:/run/corral/io.corral \
    >     io.corral.Jobs.GetHistory '{"job":'$job'}' | wc -l
    9
    alice$ timeout 5 varlinkctl call --more --json=short unix:/run/corral/io.corral \
    >     io.corral.Jobs.Watch '{"jobs":['$job']}'
    ...
    *"status":"failed"*
    ...
    *"cursor":*
    ...
    [124]

and get errors that tell what is wrong.

    alice$ varlinkctl call --json=short unix:/run/corral/io.corral io.corral.Jobs.GetJob '{"id":999}'
    ...
    *io.corral.Jobs.NoSuchJob*
    ...
    [not 0]
    bob$ varlinkctl call --more --json=short unix:/run/corral/io.corral io.corral.Jobs.GetHistory '{"job":'$job'}'
    ...
    *io.corral.Jobs.PermissionDenied*
    ...
    [not 0]
    alice$ varlinkctl call --json=short unix:/run/corral/io.corral \
    >     io.corral.Jobs.SetParameter '{"name":"Slots","value":"1"}'
    ...
    *io.corral.Jobs.PermissionDenied*
    ...
    [not 0]
