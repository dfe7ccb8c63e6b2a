"""A trained model on Azure Container Instances behind mutual TLS: what there is, how it fits."""

from datetime import timedelta

import pulumi
import pulumi_random as random
from pulumi_azure_native import operationalinsights, resources

from components import nginx_example
from components.certificates import ClientCertificate
from components.container_group import ContainerGroup, ContainerGroupArgs
from components.container_image import ContainerImage, ContainerImageArgs, copied
from components.model_container import ModelContainerArgs, model_container
from components.nginx_sidecar import ClientLimits, NginxSidecar, NginxSidecarArgs
from components.registry import ContainerRegistry, ContainerRegistryArgs
from program import continuity, handover, identities, outputs, preflight
from program.settings import StackSettings

cfg = StackSettings.load()
preflight.check()
previous = continuity.follow(cfg.certificates) if cfg.tls == "mtls" else []
tags, is_prod = cfg.all_tags, cfg.environment == "prod"
protected = pulumi.ResourceOptions(protect=is_prod)

# A place to live, a name on the internet, somewhere for the logs, a registry for the images.
group = resources.ResourceGroup("resource-group", tags=tags, opts=protected)
suffix = random.RandomString("dns-label-suffix", length=6, special=False, upper=False)
dns_label = pulumi.Output.concat(cfg.dns_label, "-", suffix.result)
fqdn = pulumi.Output.concat(dns_label, ".", cfg.region, ".azurecontainer.io")  # without a hash
workspace = operationalinsights.Workspace(
    "logs",
    resource_group_name=group.name,
    sku=operationalinsights.WorkspaceSkuArgs(name="PerGB2018"),
    retention_in_days=cfg.log_retention_days,
    tags=tags,
)
registry = ContainerRegistry(
    "registry",
    ContainerRegistryArgs(
        resource_group_name=group.name,
        sku=cfg.registry_sku,
        tags=tags,
        role_propagation=timedelta(minutes=cfg.role_propagation_minutes),
    ),
    opts=protected,
)

# The model, as an image by digest and the container it runs in.
model_image = ContainerImage(
    "model-image",
    copied(cfg.model_image.ref, registry.push_target("model"))
    if cfg.model_image.ref
    else ContainerImageArgs(
        push_to=registry.push_target("model"),
        context=cfg.model_image.context,
        build_args=cfg.model_image.build_args,
    ),
)
readiness_path = cfg.model_image.probe_path("ready", cfg.model_name)
model = model_container(
    ModelContainerArgs(
        image=model_image.reference,
        model_name=cfg.model_name,
        port=cfg.model_port,
        published=cfg.tls == "none",
        liveness_path=cfg.model_image.probe_path("live", cfg.model_name),
        readiness_path=readiness_path,
        cpu=cfg.resources.model.cpu,
        memory_in_gb=cfg.resources.model.memory_in_gb,
        max_request_body_in_mb=cfg.max_request_body_in_mb,
    )
)
containers, volumes, public_port = [model], [], cfg.model_port
trust_bundle: pulumi.Input[str] = ""
records: pulumi.Input[list[continuity.Record]] = []
clients: dict[str, dict[int, ClientCertificate]] = {}
settled: pulumi.Input[object] = None

# Mutual TLS: whom to trust, who we are, who may call, and the nginx that insists on all three.
if cfg.tls == "mtls":
    server_names: list[pulumi.Input[str]] = [*cfg.server_names]
    if not cfg.label_is_hashed:
        server_names.append(fqdn)
    pki = identities.issue(cfg, previous, server_names)
    trust_bundle, records = pki.trust_bundle_pem, pki.records
    clients, settled = pki.clients, pki.clients_settled
    sidecar_image = ContainerImage(
        "sidecar-image",
        ContainerImageArgs(
            push_to=registry.push_target("sidecar"),
            context="nginx",
            build_args={"EXAMPLE_VOLUME": nginx_example.volume()},
        ),
    )
    sidecar = NginxSidecar(
        "sidecar",
        NginxSidecarArgs(
            image=sidecar_image.reference,
            model_name=cfg.model_name,
            model_port=cfg.model_port,
            model_readiness_path=readiness_path,
            endpoint_port=cfg.endpoint_port,
            health_port=cfg.health_port,
            server_names=server_names,
            server_certificate_pem=pki.server_certificate_pem,
            server_private_key_pem=pki.server.private_key_pem,
            trust_bundle_pem=trust_bundle,
            verify_depth=cfg.certificates.longest_chain,
            accepted=pki.records.apply(continuity.accepted),
            revoked=pki.records.apply(continuity.revoked),
            limits=[
                ClientLimits(**c.model_dump(exclude={"generations", "readers", "reader_groups"}))
                for c in cfg.clients
            ],
            max_request_body_in_mb=cfg.max_request_body_in_mb,
            cpu=cfg.resources.sidecar.cpu,
            memory_in_gb=cfg.resources.sidecar.memory_in_gb,
        ),
    )
    containers, volumes = [model, sidecar.container], [sidecar.volume]
    public_port = cfg.endpoint_port

endpoint = ContainerGroup(
    "endpoint",
    ContainerGroupArgs(
        resource_group_name=group.name,
        containers=containers,
        volumes=volumes,
        public_port=public_port,
        dns_label=dns_label,
        dns_label_scope=cfg.dns_label_scope,
        image_pull=registry.image_pull(),
        workspace_id=workspace.id,
        tags=tags,
    ),
)

fqdn = endpoint.fqdn if cfg.label_is_hashed else fqdn
described = outputs.endpoint(cfg, fqdn, model_image.reference, trust_bundle)
# Each client's bundle for those who may read it, and for nobody else.
secrets = handover.client_secrets(
    cfg,
    clients,
    endpoint=endpoint,
    described=described,
    settled=settled,
    resource_group_name=group.name,
    workspace_id=workspace.id,
)

pulumi.export("endpoint", described)
# The next deployment believes these: they change only when the endpoint has followed.
handed_out = outputs.once(outputs.client_certificates(clients), endpoint.arm_id, settled)
pulumi.export("clientCertificates", handed_out)
pulumi.export("certificates", outputs.once(records, endpoint.arm_id))
pulumi.export("clientSecrets", secrets)
pulumi.export("resourceGroupName", group.name)
pulumi.export("registryLoginServer", registry.login_server)
