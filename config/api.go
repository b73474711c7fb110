package config

// API is the object under "api".
type API struct {
	ThrottleRate, ThrottleBurst int
	ManageAccountLogging        bool
}

func (a *API) settings() []*setting {
	return []*setting{
		integer("api.throttleRate", &a.ThrottleRate, 50, 1, 10_000).
			means("Requests per second that API Gateway lets through on average."),
		integer("api.throttleBurst", &a.ThrottleBurst, 100, 1, 5_000).
			means("Requests that it lets through at once."),
		boolean("api.manageAccountLogging", &a.ManageAccountLogging, true).
			means("Sets the role with which API Gateway writes logs. The role is one setting of the whole region: let one stack of " +
				"the account manage it. It stays when the stack is destroyed."),
	}
}
