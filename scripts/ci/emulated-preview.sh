#!/bin/sh
# Runs `pulumi preview` of a stack as it is in the repository against an emulator of AWS on this machine: emulated-preview.sh STACK
# The CLI and the providers' plugins are the real ones, so their own checks see every input. It needs Go, jq, python3, the CLI, and a
# network that has PyPI and Pulumi's plugins; no credentials. The emulator's account is the one that the stack allows: the provider refuses
# any other. The images are named, not built. Nothing is left behind; the work tree is not touched.
set -eu

stack=${1:?usage: emulated-preview.sh STACK}
if grep -q '^environment:' "Pulumi.$stack.yaml"; then # only Pulumi Cloud knows their values
	echo "::notice::not previewed: $stack takes values from environments of Pulumi ESC"
	exit 0
fi
work=$(mktemp -d)
server=
finish() {
	status=$?
	[ -z "$server" ] || kill "$server" 2> /dev/null || true
	[ "$status" -eq 0 ] || tail -n 20 "$work/emulator.log" 2> /dev/null || true
	rm -rf "$work"
	exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

# Where the stack's images are: <account>.dkr.ecr.<region>.<domain>/<repository>, as the program has it.
go run ./cmd/plan show -stack "$stack" -json > "$work/plan.json"
repository() { jq -er ".outputs.${1}RepositoryUrl" "$work/plan.json"; }
account=$(repository backend)
account=${account%%.*}

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r .github/emulator/requirements.txt
port=$("$work/venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
MOTO_ACCOUNT_ID=$account "$work/venv/bin/moto_server" -H 127.0.0.1 -p "$port" > "$work/emulator.log" 2>&1 &
server=$!
tries=0
until curl --silent --fail --output /dev/null "http://127.0.0.1:$port/moto-api/"; do
	tries=$((tries + 1))
	if [ "$tries" -gt 60 ] || ! kill -0 "$server" 2> /dev/null; then
		echo "emulated-preview: the emulator does not answer" >&2
		exit 1
	fi
	sleep 1
done

# Whatever this machine has of credentials is not used: the emulator takes any, and no call may reach AWS.
unset AWS_PROFILE AWS_SESSION_TOKEN AWS_ROLE_ARN AWS_WEB_IDENTITY_TOKEN_FILE PULUMI_ACCESS_TOKEN
export AWS_ACCESS_KEY_ID=emulated AWS_SECRET_ACCESS_KEY=emulated AWS_EC2_METADATA_DISABLED=true
export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null
export AWS_ENDPOINT_URL="http://127.0.0.1:$port"
mkdir "$work/state"
export PULUMI_BACKEND_URL="file://$work/state" PULUMI_CONFIG_PASSPHRASE=emulated PULUMI_SKIP_UPDATE_CHECK=true

# A new stack writes into the stack file, so this is done in a copy.
mkdir "$work/copy"
tar --exclude ./.git --exclude ./.cache --exclude ./dist -cf - . | tar -C "$work/copy" -xf -
cd "$work/copy"
sed -i.shipped '/^secretsprovider:/d; /^encryptedkey:/d; /^encryptionsalt:/d' "Pulumi.$stack.yaml" # the owner's key is not here
pulumi stack init "$stack" --non-interactive
for service in backend agent; do
	repository=$(repository "$service")
	pulumi config set --stack "$stack" --path "images.$service" "$repository@sha256:$(printf '%064d' 0)"
done
pulumi preview --stack "$stack" --diff --non-interactive --color never
